"""The commands that end, export and erase everything of a user."""

import hashlib
import io
import json
import stat
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from django_eliza_sessions.models import Erasure, Session
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import export
from django_eliza_sessions.services.holds import hold_session
from django_eliza_sessions.services.messages import send_message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(name, *arguments, notes=None):
    """Return what a command writes: what is for scripts, and what is for people."""
    out, notes = io.StringIO(), notes or io.StringIO()
    call_command(f"eliza_sessions_{name}", *arguments, stdout=out, stderr=notes)
    return out.getvalue(), notes.getvalue()


@pytest.fixture
def spoken(session):
    send_message(principal=SYSTEM, session_id=session.pk, content="Hi", transport="http")
    return session


class TestEnd:
    def test_by_user_id(self, session):
        out, _ = run("end", "--user", str(session.user_id))
        assert out == "1 sessions ended\n"
        assert Session.objects.ended().exists()

    def test_by_name(self, session_factory):
        user = get_user_model().objects.create_user("ada")
        session_factory(principal=Principal(id=f"user:{user.pk}"))
        session_factory()
        out, _ = run("end", "--django-user", "ada")
        assert out == "1 sessions ended\n"

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ([], "one of the arguments --user --django-user is required"),
            (["--user", "ada"], "--user must be a UUID"),
            (["--django-user", "eve"], "There is no user 'eve'"),
            (["--user", str(uuid.uuid4()), "--django-user", "eve"], "not allowed with"),
        ],
    )
    def test_says_what_is_wrong(self, arguments, problem):
        with pytest.raises(CommandError, match=problem):
            run("end", *arguments)


class TestExport:
    def test_writes_a_line_per_object(self, spoken):
        out, notes = run("export", "--user", str(spoken.user_id))
        types = [json.loads(line)["type"] for line in out.splitlines()]
        # Created, two messages, a reply.
        assert types == ["session", "message", "message", "reply", *["event"] * 4]
        assert notes == ""

    def test_writes_a_new_file_for_the_owners_eyes(self, spoken, tmp_path):
        file = tmp_path / "user.ndjson"
        out, _ = run("export", "--user", str(spoken.user_id), "--output", str(file))
        assert out == ""
        assert len(file.read_text().splitlines()) == 8
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        with pytest.raises(CommandError, match="cannot be made: File exists"):
            run("export", "--user", str(spoken.user_id), "--output", str(file))

    def test_shows_progress_on_a_terminal(self, spoken, monkeypatch):
        monkeypatch.setattr(
            "django_eliza_sessions.management.commands.eliza_sessions_export.STEP", 5
        )
        _, notes = run("export", "--user", str(spoken.user_id), notes=Terminal())
        assert notes == "\r5 objects\r8 objects\n"

    def test_says_what_is_wrong(self):
        with pytest.raises(CommandError, match="--user must be a UUID"):
            run("export", "--user", "ada")


class TestErase:
    @pytest.fixture
    def answer(self, monkeypatch):
        return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))

    def test_writes_the_receipt_alone(self, spoken):
        run("end", "--user", str(spoken.user_id))
        exported, _ = run("export", "--user", str(spoken.user_id))
        out, notes = run("erase", "--user", str(spoken.user_id), "--yes")
        receipt = json.loads(out)
        assert receipt["rows"]["django_eliza_sessions_message"] == 2
        assert receipt["sha256"] == hashlib.sha256(exported.encode()).hexdigest()
        assert "2  django_eliza_sessions_message" in notes
        assert not Session.objects.exists()

    def test_asks_first(self, spoken, answer):
        answer("yes\n")
        out, notes = run("erase", "--user", str(spoken.user_id))
        assert json.loads(out)["finishedAt"]
        assert "Erase it? Type yes: " in notes
        assert not Session.objects.exists()

    @pytest.mark.parametrize("text", ["no\n", "\n", ""])
    def test_takes_nothing_else_for_a_yes(self, spoken, answer, text):
        answer(text)
        with pytest.raises(CommandError, match="Nothing was erased"):
            run("erase", "--user", str(spoken.user_id))
        assert Session.objects.exists()
        assert not Erasure.objects.exists()

    def test_says_that_a_hold_keeps_something(self, spoken, capsys):
        hold_session(principal=SYSTEM, session_id=spoken.pk, reason="Case 7")
        out = io.StringIO()
        with pytest.raises(CommandError, match="keeps 1 of the user's") as raised:
            call_command(
                "eliza_sessions_erase", "--user", str(spoken.user_id), "--yes", stdout=out
            )
        assert raised.value.returncode == 3
        assert json.loads(out.getvalue())["sessionsHeld"] == 1
        assert list(export.export_user(principal=SYSTEM, user_id=spoken.user_id))

    def test_says_what_is_wrong(self):
        with pytest.raises(CommandError, match="--user must be a UUID"):
            run("erase", "--user", "ada", "--yes")
