"""Where a setting's value comes from, and what it may be."""

from ipaddress import ip_network

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
        ("RETENTION_ACTION", "delete"),
        ("ACCESS", "key"),
        ("ELIZA_SERVER_AUTH_TOKEN", None),
        ("API_KEY_CACHE_SECONDS", 5),
        ("MAX_BODY_BYTES", 1_048_576),
        ("WEBHOOK_ALLOW_HTTP", False),
        ("WEBHOOK_ALLOWED_NETWORKS", ()),
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
        pytest.param("RETENTION_ACTION", "anonymise", "anonymise", id="action"),
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
        pytest.param("RETENTION_DAYS", 36501, id="more-than-a-hundred-years"),
        pytest.param("RETENTION_ACTION", "forget", id="unknown-action"),
        pytest.param("ACCESS", "public", id="unknown-access"),
        pytest.param("ELIZA_SERVER_AUTH_TOKEN", "", id="empty-token"),
        pytest.param("ELIZA_SERVER_AUTH_TOKEN", 7, id="token-of-another-type"),
        pytest.param("REALTIME_ALLOWED_ORIGINS", "https://a.example/", id="no-origin"),
        pytest.param("REALTIME_ALLOWED_ORIGINS", ["*"], id="any-origin"),
        pytest.param("REALTIME_ALLOWED_ORIGINS", 1, id="origins-of-another-type"),
        pytest.param("WEBHOOK_ALLOWED_NETWORKS", "10.0.0.1/8", id="no-network"),
        pytest.param("WEBHOOK_ALLOWED_NETWORKS", ["lan"], id="no-network-either"),
        pytest.param("WEBHOOK_ALLOWED_NETWORKS", 10, id="no-list"),
        pytest.param("CREATE_LIMITS", {"caller": "often"}, id="no-rate"),
        pytest.param("CREATE_LIMITS", {"caller": "10/fortnight"}, id="no-unit"),
        pytest.param("CREATE_LIMITS", {"caller": 10}, id="rate-of-another-type"),
        pytest.param("CREATE_LIMITS", {"caller": "0/minute"}, id="never"),
        pytest.param("CREATE_LIMITS", {"caller": "1/2 years"}, id="window-too-long"),
        pytest.param("CREATE_LIMITS", {"caller": f"1/{'9' * 99} days"}, id="for-ever"),
        pytest.param("CREATE_LIMITS", {"caller": f"{2**31}/day"}, id="too-many"),
        pytest.param("CREATE_LIMITS", "caller=1/minute,caller=9/day", id="said-twice"),
        pytest.param("CREATE_LIMITS", {"session": "1/minute"}, id="not-counted"),
        pytest.param("CREATE_LIMITS", "10/minute", id="counts-nothing"),
        pytest.param("MESSAGE_LIMITS", ["10/minute"], id="rates-no-mapping"),
        pytest.param("TRUSTED_PROXIES", ["proxy"], id="no-proxy-network"),
        pytest.param("BACKENDS", [], id="no-mapping"),
        pytest.param("BACKENDS", {"a": "x.Y"}, id="entry-no-mapping"),
        pytest.param("BACKENDS", {"a": {}}, id="entry-without-path"),
        pytest.param("BACKENDS", {("a",): {"BACKEND": "x.Y"}}, id="alias-no-text"),
        pytest.param("BACKENDS", {"a\0": {"BACKEND": "x.Y"}}, id="alias-with-nul"),
        pytest.param("BACKENDS", {"\ud800": {"BACKEND": "x.Y"}}, id="alias-surrogate"),
    ],
)
def test_refuses(settings, name, value):
    settings.ELIZA_SESSIONS = {name: value}

    with pytest.raises(ImproperlyConfigured, match=rf'^ELIZA_SESSIONS\["{name}"\] must '):
        SETTINGS[name].__get__(conf, type(conf))


@pytest.mark.parametrize(
    "value", [["10.1.0.0/16", "fd00::/8"], "10.1.0.0/16, fd00::/8"], ids=["list", "text"]
)
def test_reads_networks(settings, value):
    settings.ELIZA_SESSIONS = {"WEBHOOK_ALLOWED_NETWORKS": value}

    assert conf.webhook_allowed_networks == (
        ip_network("10.1.0.0/16"),
        ip_network("fd00::/8"),
    )


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


@pytest.mark.parametrize(
    "value",
    ["https://a.example, http://b:8000", ("https://a.example", "http://b:8000")],
)
def test_origins(settings, value):
    settings.ELIZA_SESSIONS = {"REALTIME_ALLOWED_ORIGINS": value}

    assert conf.realtime_allowed_origins == ("https://a.example", "http://b:8000")


@pytest.mark.parametrize(
    "value",
    [
        {"caller": "10/minute; 100 per 2 hours", "address": "5/day"},
        "caller=10/minute;100/2 hours, address=5/day",
    ],
    ids=["mapping", "text"],
)
def test_rates(settings, value):
    settings.ELIZA_SESSIONS = {"CREATE_LIMITS": value}

    rates = {
        counted: [(rate.amount, rate.get_expiry()) for rate in rates]
        for counted, rates in conf.create_limits.items()
    }
    assert rates == {"caller": [(10, 60), (100, 7200)], "address": [(5, 86400)]}
