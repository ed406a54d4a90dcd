"""The system checks: every mistake in the settings is named, with a hint."""

import pytest
from django.core.checks import run_checks
from django.db import connections

from django_eliza_sessions import checks, webhooks
from django_eliza_sessions.backends import AgentBackend
from django_eliza_sessions.backends.echo import EchoBackend
from django_eliza_sessions.models import WebhookEndpoint

NOT_CALLABLE = "no function"


class PickyBackend(EchoBackend):
    def check(self):
        return ["needs a model.", "needs a key."]


class BrokenBackend(EchoBackend):
    def __init__(self, options):
        raise KeyError("model")


class UnfinishedBackend(AgentBackend):
    pass


def backend(name):
    return {"BACKENDS": {"picky": {"BACKEND": f"{__name__}.{name}"}}}


@pytest.mark.django_db  # Django 6.1 looks at the database in its own checks.
def test_settings_of_the_tests_are_fine():
    assert run_checks() == []


@pytest.mark.parametrize(
    ("keys", "id_", "message", "hint"),
    [
        pytest.param(
            {"SESSION_TIMEOUT": 30},
            "E001",
            'ELIZA_SESSIONS["SESSION_TIMEOUT"] is not a setting.',
            "SESSION_DEFAULT_TIMEOUT_MINUTES",
            id="unknown-key",
        ),
        pytest.param(
            {"SESSION_MAX_TIMEOUT_MINUTES": "x"},
            "E002",
            'ELIZA_SESSIONS["SESSION_MAX_TIMEOUT_MINUTES"] must be a whole number',
            "the default 1440",
            id="unreadable-value",
        ),
        pytest.param(
            {"SESSION_MIN_TIMEOUT_MINUTES": 60, "SESSION_MAX_TIMEOUT_MINUTES": 59},
            "E003",
            "SESSION_MIN_TIMEOUT_MINUTES (60) is above SESSION_MAX_TIMEOUT_MINUTES (59)",
            "Lower the one",
            id="minimum-above-maximum",
        ),
        pytest.param(
            {"SESSION_DEFAULT_TIMEOUT_MINUTES": 4},
            "E004",
            "SESSION_DEFAULT_TIMEOUT_MINUTES is 4",
            "from 5 to 1440",
            id="default-below-minimum",
        ),
        pytest.param(
            {"SESSION_MAX_DURATION_MINUTES": 2881},
            "E004",
            "SESSION_MAX_DURATION_MINUTES is 2881",
            "from 1 to 2880",
            id="duration-above-maximum",
        ),
        pytest.param(
            {"SESSION_WARNING_THRESHOLD_MINUTES": 1441},
            "E004",
            "SESSION_WARNING_THRESHOLD_MINUTES is 1441",
            "from 1 to 1440",
            id="threshold-above-maximum",
        ),
        pytest.param(
            {"REPLY_DISPATCHER": "nowhere.at.all"},
            "E005",
            "'nowhere.at.all' cannot be imported",
            "django-eliza-sessions[celery]",
            id="dispatcher-missing",
        ),
        pytest.param(
            {"REPLY_DISPATCHER": f"{__name__}.NOT_CALLABLE"},
            "E005",
            "cannot be called",
            "gets the reply's id",
            id="dispatcher-not-callable",
        ),
        pytest.param(
            {"JOB_DISPATCHER": "nowhere.at.all"},
            "E005",
            "JOB_DISPATCHER 'nowhere.at.all' cannot be imported",
            "tasks.dispatch_job",
            id="job-dispatcher-missing",
        ),
        pytest.param(
            {"MESSAGE_LIMITS": {"caller": "100/fortnight"}},
            "E002",
            'MESSAGE_LIMITS"] must map any of caller, address, user, session to rates such '
            'as "10/minute;100/day": no granularity matched for fortnight',
            "the default {}",
            id="unreadable-rate",
        ),
        pytest.param(
            {"LIMITS_REDIS_URL": "localhost:6379"},
            "E011",
            "LIMITS_REDIS_URL cannot be used: Redis URL must specify",
            "redis://host:6379/0",
            id="no-redis-url",
        ),
        pytest.param(
            backend("BrokenBackend"),
            "E006",
            "KeyError: 'model'",
            "picky",
            id="backend-raises",
        ),
        pytest.param(
            backend("UnfinishedBackend"), "E006", "abstract", "picky", id="backend-abstract"
        ),
        pytest.param(
            backend("Missing"), "E006", "ImportError", "picky", id="backend-missing"
        ),
    ],
)
def test_names_the_mistake(configure, keys, id_, message, hint):
    configure(**keys)

    [error] = checks.check_settings()

    assert error.id == f"eliza_sessions.{id_}"
    assert error.is_serious()
    assert message in error.msg
    assert hint in error.hint


def test_passes_on_what_a_backend_says(configure):
    configure(**backend("PickyBackend"))

    assert [error.msg for error in checks.check_settings()] == [
        "Backend 'picky': needs a model.",
        "Backend 'picky': needs a key.",
    ]


def test_unreadable_value_in_the_environment(monkeypatch):
    monkeypatch.setenv("ELIZA_SESSIONS_RETENTION_DAYS", "never")

    [error] = checks.check_settings()

    assert error.id == "eliza_sessions.E002"
    assert error.msg.startswith("ELIZA_SESSIONS_RETENTION_DAYS must be")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("nowhere.at_all", "cannot be imported"),
        (f"{__name__}.NOT_CALLABLE", "cannot be called"),
    ],
)
def test_mapping_of_users(configure, path, problem):
    configure(USER_ID=path)

    [error] = checks.check_settings()

    assert error.id == "eliza_sessions.E010"
    assert error.msg.startswith(f"USER_ID {path!r} {problem}")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ELIZA_SESSIONS_ACESS", "Did you mean ELIZA_SESSIONS_ACCESS?"),
        (
            "ELIZA_SESSIONS_SESSION_MAX_DURATION_MINUTES",
            "Did you mean SESSION_MAX_DURATION_MINUTES?",
        ),
        ("ELIZA_SESSIONS_" + 40 * "Q", "Variables are: CLEAR_SESSIONS_ON_SHUTDOWN, "),
    ],
)
def test_variable_that_sets_nothing(monkeypatch, name, hint):
    monkeypatch.setenv(name, "1")

    [warning] = checks.check_settings()

    assert warning.id == "eliza_sessions.W002"
    assert name in warning.msg
    assert warning.hint.startswith(hint)


def test_reports_every_mistake_at_once(configure):
    configure(COLOUR="red", SESSION_MIN_TIMEOUT_MINUTES=0, ACCESS="public")

    assert [error.id for error in checks.check_settings()] == [
        "eliza_sessions.E001",
        "eliza_sessions.E002",
        "eliza_sessions.E002",
    ]


class TestAccess:
    def test_open_access_is_refused_in_a_deployment(self, configure):
        configure(ACCESS="open")

        [error] = checks.check_access()

        assert error.id == "eliza_sessions.E007"
        assert error.is_serious()
        assert '"key"' in error.hint

    @pytest.mark.django_db
    def test_runs_only_for_deployments(self, configure):
        configure(ACCESS="open")

        deployed = run_checks(include_deployment_checks=True)

        assert "eliza_sessions.E007" in [message.id for message in deployed]
        assert "eliza_sessions.E007" not in [message.id for message in run_checks()]

    def test_key_access_is_fine(self, configure):
        configure(ACCESS="key")

        assert checks.check_access() == []

    def test_unreadable_access_is_left_to_the_other_check(self, configure):
        configure(ACCESS="public")

        assert checks.check_access() == []


@pytest.mark.django_db
class TestWebhooks:
    @pytest.fixture
    def bare(self, monkeypatch):
        """Pretend that the extra is not installed."""
        monkeypatch.setattr(webhooks, "is_installed", lambda: False)

    def test_endpoints_need_the_extra(self, bare):
        assert run_checks(databases=["default"]) == []
        WebhookEndpoint.objects.create(name="A", url="https://example.com/")

        [error] = run_checks(databases=["default"])

        assert error.id == "eliza_sessions.E009"
        assert error.is_serious()
        assert "django-eliza-sessions[webhooks]" in error.hint

    def test_with_the_extra_they_are_fine(self):
        WebhookEndpoint.objects.create(name="A", url="https://example.com/")

        assert run_checks(databases=["default"]) == []


def test_warns_where_rest_framework_is_no_app(settings):
    settings.INSTALLED_APPS = [
        app for app in settings.INSTALLED_APPS if app != "rest_framework"
    ]

    [warning] = checks.check_rest_framework()

    assert warning.id == "eliza_sessions.W003"
    assert "INSTALLED_APPS" in warning.hint


class TestSqlite:
    @pytest.fixture
    def use(self, monkeypatch):
        """Pretend that the default database has these options."""

        def change(**options):
            engine = "django.db.backends.sqlite3"
            monkeypatch.setitem(connections.settings["default"], "ENGINE", engine)
            monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)

        return change

    @pytest.mark.parametrize("options", [{}, {"transaction_mode": "DEFERRED"}], ids=repr)
    def test_warns_about_deferred_transactions(self, use, options):
        use(**options)

        [warning] = checks.check_sqlite()

        assert warning.id == "eliza_sessions.W001"
        assert not warning.is_serious()
        assert "even one user's messages" in warning.msg
        for option in ("IMMEDIATE", "timeout", "journal_mode=WAL", "synchronous=NORMAL"):
            assert option in warning.hint

    @pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
    def test_other_modes_are_fine(self, use, mode):
        use(transaction_mode=mode)

        assert checks.check_sqlite() == []


def test_e001_names_settings_that_are_no_dict(settings):
    settings.ELIZA_SESSIONS = None
    [problem] = checks.check_settings()
    assert problem.id == "eliza_sessions.E001"
    assert "dict" in problem.msg
