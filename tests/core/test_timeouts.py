"""The arithmetic of deadlines, and what values may be asked for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_eliza_sessions.exceptions import InvalidTimeoutConfigError
from django_eliza_sessions.timeouts import (
    TimeoutConfig,
    TimeoutLimits,
    is_near_expiration,
    milliseconds_between,
    parse_overrides,
)
from tests.conftest import NOON, minutes

LIMITS = TimeoutLimits(min_timeout_minutes=5, max_timeout_minutes=1440)
DEFAULT = TimeoutConfig(
    timeout_minutes=30,
    auto_renew=True,
    max_duration_minutes=720,
    warning_threshold_minutes=5,
)

configs = st.builds(
    TimeoutConfig,
    timeout_minutes=st.integers(5, 1440),
    auto_renew=st.booleans(),
    max_duration_minutes=st.integers(1, 2880),
    warning_threshold_minutes=st.integers(1, 1440),
)
spans = st.timedeltas(timedelta(0), timedelta(days=2))


@pytest.mark.parametrize(
    ("field", "value", "parsed"),
    [
        pytest.param("timeout_minutes", 5, 5, id="smallest-timeout"),
        pytest.param("timeout_minutes", 1440, 1440, id="largest-timeout"),
        pytest.param("timeout_minutes", 30.0, 30, id="whole-number-written-as-float"),
        pytest.param("timeout_minutes", None, None, id="null"),
        pytest.param("auto_renew", True, True, id="true"),
        pytest.param("auto_renew", False, False, id="false"),
        pytest.param("auto_renew", None, None, id="null-auto-renew"),
        pytest.param("max_duration_minutes", 1, 1, id="smallest-duration"),
        pytest.param("max_duration_minutes", 2880, 2880, id="twice-the-largest-timeout"),
        pytest.param("warning_threshold_minutes", 1, 1, id="smallest-threshold"),
        pytest.param("warning_threshold_minutes", 1440, 1440, id="largest-threshold"),
    ],
)
def test_accepts(field, value, parsed):
    overrides = parse_overrides({field: value}, LIMITS)

    assert overrides == {field: parsed}
    assert type(overrides[field]) is type(parsed)


@pytest.mark.parametrize(
    ("field", "value", "quoted"),
    [
        pytest.param("timeout_minutes", 4, "4", id="below"),
        pytest.param("timeout_minutes", 1441, "1441", id="above"),
        pytest.param("timeout_minutes", -30, "-30", id="negative"),
        pytest.param("timeout_minutes", 30.5, "30.5", id="fraction"),
        pytest.param("timeout_minutes", True, "true", id="true-is-no-number"),
        pytest.param("timeout_minutes", "30", '"30"', id="number-in-a-string"),
        pytest.param("timeout_minutes", [30], "[30]", id="list"),
        pytest.param("timeout_minutes", float("inf"), "Infinity", id="infinity"),
        pytest.param("timeout_minutes", float("nan"), "NaN", id="not-a-number"),
        pytest.param("timeout_minutes", 10**100, "...", id="huge"),
        pytest.param("max_duration_minutes", 0, "0", id="no-duration"),
        pytest.param("max_duration_minutes", 2881, "2881", id="duration-above"),
        pytest.param("warning_threshold_minutes", 0, "0", id="no-threshold"),
        pytest.param("warning_threshold_minutes", 1441, "1441", id="threshold-above"),
    ],
)
def test_refuses_number(field, value, quoted):
    with pytest.raises(InvalidTimeoutConfigError) as raised:
        parse_overrides({field: value}, LIMITS)

    smallest, largest = LIMITS.range_of(field)
    assert raised.value.field == field
    assert f"from {smallest} to {largest}" in raised.value.details
    assert raised.value.details.endswith(quoted)
    assert raised.value.context == {"field": field, "minimum": smallest, "maximum": largest}


@pytest.mark.parametrize("value", [1, 0, "true", [], {}], ids=repr)
def test_refuses_auto_renew(value):
    with pytest.raises(InvalidTimeoutConfigError, match="auto_renew must be true or false"):
        parse_overrides({"auto_renew": value}, LIMITS)


def test_ignores_unknown_fields():
    assert parse_overrides({"timeoutMinutes": 1, "colour": "red"}, LIMITS) == {}


def test_example_of_the_documents_is_valid():
    values = {
        "timeout_minutes": 722,
        "auto_renew": True,
        "max_duration_minutes": 123,
        "warning_threshold_minutes": 123,
    }

    config = DEFAULT.overridden_by(parse_overrides(values, LIMITS))

    assert config.expires_at(created_at=NOON, anchor=NOON) == NOON + minutes(123)


def test_overrides_lie_over_field_by_field():
    config = DEFAULT.overridden_by({"timeout_minutes": 60, "auto_renew": None})

    assert config == TimeoutConfig(
        timeout_minutes=60,
        auto_renew=True,
        max_duration_minutes=720,
        warning_threshold_minutes=5,
    )


def test_false_is_an_override():
    assert DEFAULT.overridden_by({"auto_renew": False}).auto_renew is False


@pytest.mark.parametrize(
    ("anchor", "expires_at"),
    [
        pytest.param(0, 30, id="idle-binds"),
        pytest.param(690, 720, id="both-at-once"),
        pytest.param(691, 720, id="hard-binds"),
    ],
)
def test_earlier_deadline_binds(anchor, expires_at):
    assert DEFAULT.expires_at(
        created_at=NOON, anchor=NOON + minutes(anchor)
    ) == NOON + minutes(expires_at)


@given(config=configs, anchor=spans)
def test_never_expires_after_either_deadline(config, anchor):
    expires_at = config.expires_at(created_at=NOON, anchor=NOON + anchor)

    assert expires_at <= config.hard_deadline(NOON)
    assert expires_at <= config.idle_deadline(NOON + anchor)


@given(config=configs, anchor=spans, later=spans)
def test_renewal_never_shortens(config, anchor, later):
    before = config.expires_at(created_at=NOON, anchor=NOON + anchor)
    after = config.expires_at(created_at=NOON, anchor=NOON + anchor + later)

    assert after >= before


@pytest.mark.parametrize("month", [3, 10])
def test_a_change_of_the_clocks_moves_no_deadline(month):
    # As a database with a TIME_ZONE of its own gives it.
    night = datetime(2026, month, 29 if month == 3 else 25, 0, 30, tzinfo=UTC)
    local = night.astimezone(ZoneInfo("Europe/Berlin"))

    assert DEFAULT.idle_deadline(local) == night + minutes(30)
    assert DEFAULT.hard_deadline(local) == night + minutes(720)


@given(config=configs, passed=spans)
def test_near_expiration_is_having_at_most_the_threshold_left(config, passed):
    now = NOON + passed
    expires_at = config.expires_at(created_at=NOON, anchor=NOON)

    near = is_near_expiration(
        now=now, expires_at=expires_at, warns_at=config.warns_at(expires_at)
    )

    left = expires_at - now
    assert near == (timedelta(0) < left <= minutes(config.warning_threshold_minutes))


@pytest.mark.parametrize(
    ("span", "milliseconds"),
    [
        pytest.param(timedelta(0), 0, id="now"),
        pytest.param(timedelta(microseconds=999), 0, id="less-than-one"),
        pytest.param(timedelta(milliseconds=1), 1, id="one"),
        pytest.param(minutes(30), 1_800_000, id="half-an-hour"),
        pytest.param(-minutes(1), 0, id="past"),
    ],
)
def test_milliseconds_between(span, milliseconds):
    assert milliseconds_between(NOON, NOON + span) == milliseconds
