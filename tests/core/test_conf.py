"""Where a setting's value comes from, and what it may be."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_eliza_sessions.conf import SETTINGS, conf

TIMEOUT = "SESSION_DEFAULT_TIMEOUT_MINUTES"


@pytest.fixture(autouse=True)
def nothing_set(settings, monkeypatch):
    settings.ELIZA_SESSIONS = {}
    for setting in SETTINGS.values():
        if setting.environment:
            monkeypatch.delenv(setting.environment, raising=False)


def test_django_setting_then_environment_then_default(settings, monkeypatch):
    assert conf.default_timeout_minutes == 30
    monkeypatch.setenv(TIMEOUT, "45")
    assert conf.default_timeout_minutes == 45
    settings.ELIZA_SESSIONS = {TIMEOUT: 60}
    assert conf.default_timeout_minutes == 60


def test_class_gives_the_setting_itself():
    assert type(conf).access is SETTINGS["ACCESS"]


def test_works_without_any_setting(settings):
    del settings.ELIZA_SESSIONS

    assert conf.default_timeout_minutes == 30


def test_empty_variable_is_no_value(monkeypatch):
    monkeypatch.setenv(TIMEOUT, "")

    assert conf.default_timeout_minutes == 30


def test_error_names_the_variable(monkeypatch):
    monkeypatch.setenv(TIMEOUT, "soon")

    with pytest.raises(
        ImproperlyConfigured,
        match=r"^SESSION_DEFAULT_TIMEOUT_MINUTES must be a whole number.*not 'soon'",
    ):
        _ = conf.default_timeout_minutes


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("SESSION_DEFAULT_TIMEOUT_MINUTES", 30),
        ("SESSION_MIN_TIMEOUT_MINUTES", 5),
        ("SESSION_MAX_TIMEOUT_MINUTES", 1440),
        ("SESSION_MAX_DURATION_MINUTES", 720),
        ("SESSION_WARNING_THRESHOLD_MINUTES", 5),
        ("SESSION_CLEANUP_INTERVAL_MINUTES", 5),
        ("CLEAR_SESSIONS_ON_SHUTDOWN", False),
        ("RETENTION_DAYS", None),
        ("ACCESS", "key"),
        ("ELIZA_SERVER_AUTH_TOKEN", None),
        ("MAX_BODY_BYTES", 1_048_576),
    ],
)
def test_default(name, default):
    assert SETTINGS[name].__get__(conf, type(conf)) == default


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        pytest.param(TIMEOUT, 1, 1, id="number"),
        pytest.param(TIMEOUT, "007", 7, id="number-as-text"),
        pytest.param("CLEAR_SESSIONS_ON_SHUTDOWN", True, True, id="true"),
        pytest.param("CLEAR_SESSIONS_ON_SHUTDOWN", "TRUE", True, id="true-as-text"),
        pytest.param("CLEAR_SESSIONS_ON_SHUTDOWN", "0", False, id="zero"),
        pytest.param("RETENTION_DAYS", None, None, id="for-ever"),
        pytest.param("RETENTION_DAYS", "7", 7, id="days"),
        pytest.param("ACCESS", "open", "open", id="open"),
        pytest.param("ELIZA_SERVER_AUTH_TOKEN", "secret", "secret", id="token"),
    ],
)
def test_reads(settings, name, value, parsed):
    settings.ELIZA_SESSIONS = {name: value}

    assert SETTINGS[name].__get__(conf, type(conf)) is parsed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(TIMEOUT, 0, id="zero"),
        pytest.param(TIMEOUT, -5, id="negative"),
        pytest.param(TIMEOUT, 30.0, id="float"),
        pytest.param(TIMEOUT, True, id="true-is-no-number"),
        pytest.param(TIMEOUT, "٣", id="foreign-digits"),
        pytest.param(TIMEOUT, None, id="none"),
        pytest.param("CLEAR_SESSIONS_ON_SHUTDOWN", "maybe", id="no-boolean"),
        pytest.param("RETENTION_DAYS", 0, id="no-retention"),
        pytest.param("ACCESS", "public", id="unknown-access"),
        pytest.param("ELIZA_SERVER_AUTH_TOKEN", "", id="empty-token"),
        pytest.param("ELIZA_SERVER_AUTH_TOKEN", 7, id="token-of-another-type"),
        pytest.param("BACKENDS", [], id="no-mapping"),
        pytest.param("BACKENDS", {"a": "x.Y"}, id="entry-no-mapping"),
        pytest.param("BACKENDS", {"a": {}}, id="entry-without-path"),
    ],
)
def test_refuses(settings, name, value):
    settings.ELIZA_SESSIONS = {name: value}

    with pytest.raises(ImproperlyConfigured, match=rf'^ELIZA_SESSIONS\["{name}"\] must '):
        SETTINGS[name].__get__(conf, type(conf))


def test_limits_and_defaults_follow_the_settings(settings):
    settings.ELIZA_SESSIONS = {
        "SESSION_MIN_TIMEOUT_MINUTES": 1,
        "SESSION_MAX_TIMEOUT_MINUTES": 100,
        "SESSION_DEFAULT_TIMEOUT_MINUTES": 2,
        "SESSION_MAX_DURATION_MINUTES": 3,
        "SESSION_WARNING_THRESHOLD_MINUTES": 4,
    }

    assert conf.timeout_limits.range_of("timeout_minutes") == (1, 100)
    assert conf.timeout_limits.range_of("max_duration_minutes") == (1, 200)
    assert conf.timeout_limits.range_of("warning_threshold_minutes") == (1, 100)
    assert conf.timeout_config.timeout_minutes == 2
    assert conf.timeout_config.auto_renew is True
    assert conf.timeout_config.max_duration_minutes == 3
    assert conf.timeout_config.warning_threshold_minutes == 4
