"""What browsers are told: by the example's pages, and by the API wherever it is mounted."""

import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

from tests.admin.test_browser import CHROMIUM, FLAGS
from tests.conftest import need
from tests.example.conftest import ROOT

PAGES = ["/chat/", "/admin/login/", "/api/docs/", "/api/redoc/"]
API = ["/api/messaging/sessions", "/api/messaging/sessions/health"]


def headers_of(server, path):
    try:
        with urllib.request.urlopen(server.url + path) as response:
            return response.headers
    except urllib.error.HTTPError as error:
        return error.headers


@pytest.mark.parametrize("path", PAGES)
def test_pages(server, path):
    headers = headers_of(server, path)
    policy = dict(
        part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert ("unsafe" in str(policy)) is (path in ("/api/docs/", "/api/redoc/"))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/chat/", "/admin/login/", *API])
def test_what_is_private_is_kept_nowhere(server, path):
    assert "no-store" in headers_of(server, path)["Cache-Control"]


@pytest.mark.parametrize("path", API)
def test_answers_are_nothing_but_data(server, path):
    headers = headers_of(server, path)
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_browsers_hold_to_it_and_miss_nothing(server):
    need(CHROMIUM.exists(), f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=server.url)
        page.set_default_timeout(20_000)
        refused, strays = [], []
        page.on("console", lambda said: refused.append(said.text))
        page.on(
            "requestfinished",
            lambda request: (
                request.url.startswith((server.url, "data:", "blob:"))
                or strays.append(request.url)
            ),
        )
        page.goto("/api/docs/")
        page.locator("#operations-messaging-createSession").wait_for()
        page.goto("/api/redoc/")
        page.get_by_role("heading", name="Sessions API").wait_for()
        page.goto("/admin/login/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill("admin")
        page.get_by_role("button", name="Log in").click()
        for model in ("session", "agent", "auditrecord"):
            page.goto(f"/admin/django_eliza_sessions/{model}/")
            page.get_by_role("heading", level=1).first.wait_for()
        browser.close()
    # Redoc's logo, on a host of its own.
    broken = [text for text in refused if "policy" in text.lower()]
    assert [text for text in broken if "cdn.redoc.ly" not in text] == []
    assert strays == []


def deployed(tmp_path, *command):
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        "DEBUG": "false",
        "ALLOWED_HOSTS": "example.com",
        "SECRET_KEY": "a-secret-of-more-than-fifty-characters-for-the-tests-1234567890",
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_deployed_it_passes_every_check(tmp_path):
    finished = deployed(tmp_path, "manage.py", "check", "--deploy", "--fail-level=WARNING")
    assert finished.returncode == 0, finished.stderr
    assert "(2 silenced)" in finished.stdout


def test_deployed_it_wants_https_and_keeps_to_its_policy(tmp_path):
    asked = (
        "import django; django.setup(); from django.test import Client;"
        "plain = Client().get('/chat/', headers={'Host': 'example.com'});"
        "safe = Client().get('/chat/', headers={'Host': 'example.com'}, secure=True);"
        "print(plain.url, safe['Strict-Transport-Security'], safe.cookies['csrftoken']);"
        "lost = Client().get('/nowhere/', headers={'Host': 'example.com'}, secure=True);"
        "print(lost.status_code, lost['Content-Security-Policy'])"
    )
    env = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'example_project.settings';"
    finished = deployed(tmp_path, "-c", env + asked)
    told = finished.stdout
    assert told.startswith("https://example.com/chat/ max-age=31536000"), finished.stderr
    assert "Secure" in told
    assert "404 default-src 'self';" in told
