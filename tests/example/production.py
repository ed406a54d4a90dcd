"""The example as its recipe runs it: every part from the unit and the Procfile."""

import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.conftest import BASE, need
from tests.example.conftest import ROOT, Server
from tests.servers import free_port, takes_connections
from tests.services.race import wait_until

DEPLOY = ROOT / "example_project/deploy"
PROCFILE = dict(
    line.split(": ", 1) for line in (DEPLOY / "Procfile").read_text().splitlines()
)
UNIT = (DEPLOY / "eliza@.service").read_text()
DOCUMENTED = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DEPLOY / "eliza.env").read_text(), re.M))
SITE = DOCUMENTED["ALLOWED_HOSTS"]
KEY = "an-administrators-key"
#: Seconds that systemd lets a part stop by itself.
STOPS_WITHIN = int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.M)[1])
BY_NGINX = {"X-Forwarded-Proto": "https", "Host": SITE}


def environment(directory: Path, **changes: str) -> dict[str, str]:
    """The documented environment, with what an operator fills in, and changes."""
    return (
        DOCUMENTED
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONWARNINGS": "default",
            "DATA_DIR": str(directory),
            "ALLOWED_HOSTS": f"{SITE},127.0.0.1",
            "SECRET_KEY": "a-secret-of-more-than-fifty-characters-for-the-tests-1234567890",
            "ELIZA_SERVER_AUTH_TOKEN": KEY,
        }
        | changes
    )


class Production(Server):
    """All parts, each a process; called as nginx calls them."""

    headers = Server.headers | BY_NGINX | {"X-API-KEY": KEY}

    def __init__(self, directory: Path, **changes: str) -> None:
        self.ports = {part: free_port() for part in ("web", "messages", "stream")}
        self.directory = directory
        self.call_on("web")
        self.environment = environment(
            directory,
            **{f"{part.upper()}_PORT": str(port) for part, port in self.ports.items()},
            ELIZA_SESSIONS_SWEEP_INTERVAL_SECONDS="1",
            ELIZA_SESSIONS_CREATE_LIMITS="caller=9999/minute",
            ELIZA_SESSIONS_MESSAGE_LIMITS="caller=9999/minute",
            **changes,
        )
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        for command in (["migrate", "-v", "0"], ["seed_demo"]):
            subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=self.environment,
                check=True,
            )

    def read(self, path: str) -> bytes:
        """GET a path of the site, beside the API."""
        request = urllib.request.Request(self.url + path, headers=self.headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def send(self, session_id: str, transport: str, **headers: str) -> Any:
        """Send a message where nginx sends it; its answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['messages']}{BASE}/{session_id}/messages",
            data=json.dumps({"content": "Hello there", "transport": transport}).encode(),
            headers=self.headers | headers,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def call_on(self, part: str) -> None:
        """Have a part answer all calls from now on."""
        self.address = ("127.0.0.1", self.ports[part])
        self.url = f"http://127.0.0.1:{self.ports[part]}"

    def launch(self, *parts: str) -> None:
        """Start parts by the unit's command, in its shell, and wait for them."""
        command = re.search(r"^ExecStart=(.*)$", UNIT, re.M)[1].replace("$$", "$")
        for part in parts:
            self.run(part, shlex.split(command.replace("%i", part)))
        for part in parts:
            wait_until(lambda part=part: self.is_up(part), part)

    def run(self, part: str, command: list[str]) -> None:
        with (self.directory / f"{part}.log").open("wb") as log:
            self.parts[part] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def is_up(self, part: str) -> bool:
        assert self.parts[part].poll() is None, self.log_of(part)
        if part in self.ports:
            return takes_connections(self.ports[part])
        return part == "beat" or " ready." in self.log_of(part)

    def log_of(self, part: str) -> str:
        return (self.directory / f"{part}.log").read_text()

    def terminate(self, part: str) -> int:
        """Stop a part as systemd does; its exit code."""
        self.parts[part].send_signal(signal.SIGTERM)
        return self.parts[part].wait(STOPS_WITHIN)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End whatever still runs."""
        running = [part for part in self.parts.values() if part.poll() is None]
        for part in running:
            part.send_signal(number)
        return max([part.wait(STOPS_WITHIN) for part in running], default=0)

    def status_of(self, session_id: str, message_id: str) -> str:
        return self.call(f"/{session_id}/messages/{message_id}/reply")["status"]


class Nginx:
    """A real nginx with the recipe's configuration, but for ports and places."""

    def __init__(self, directory: Path, ports: dict[str, int]) -> None:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        need(program is not None, "nginx is not installed")
        need(shutil.which("openssl") is not None, "openssl is not installed")
        certificate, key = directory / "eliza.pem", directory / "eliza.key"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", f"/CN={SITE}", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-out", certificate, "-keyout", key),
            ],
            check=True,
            capture_output=True,
        )
        self.tls = ssl.create_default_context(cafile=certificate)
        self.port, self.plain_port = free_port(), free_port()
        self.address = ("127.0.0.1", self.port)
        self.url = f"https://127.0.0.1:{self.port}"
        self.log = directory / "access.log"
        text = (DEPLOY / "nginx.conf").read_text()
        for documented, ours in {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "127.0.0.1:8000;": f"127.0.0.1:{ports['web']};",
            "127.0.0.1:8001;": f"127.0.0.1:{ports['stream']};",
            "127.0.0.1:8002;": f"127.0.0.1:{ports['messages']};",
            f"server_name {SITE};": f"server_name {SITE} 127.0.0.1;",
            "/etc/ssl/eliza.pem": str(certificate),
            "/etc/ssl/eliza.key": str(key),
        }.items():
            assert documented in text
            text = text.replace(documented, ours)
        places = "".join(
            f"{kind}_temp_path {directory}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        configuration = directory / "nginx.conf"
        configuration.write_text(
            f"daemon off; user root; pid {directory}/pid; events {{}} http {{ {places}"
            "log_format brief '$request_method $uri $upstream_addr';"
            f"access_log {self.log} brief;\n{text}}}"
        )
        command = [program, "-p", directory, "-c", configuration, "-e", "stderr"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: takes_connections(self.port), "nginx")

    def read(self, path: str, body: Any = None) -> bytes:
        """POST a body, or GET without one; the answer."""
        request = urllib.request.Request(
            self.url + BASE + path,
            data=body and json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-API-KEY": KEY},
        )
        with urllib.request.urlopen(request, timeout=60, context=self.tls) as answer:
            return answer.read()

    def get(self, path: str) -> Any:
        return json.loads(self.read(path))

    def post(self, path: str, body: Any) -> Any:
        return json.loads(self.read(path, body))

    def ports_of(self, path: str) -> list[int]:
        """The ports of the parts that requests of a path went to, in their order."""
        lines = [line.rsplit(":", 1) for line in self.log.read_text().splitlines()]
        return [int(port) for what, port in lines if f" {BASE}{path} " in what]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
