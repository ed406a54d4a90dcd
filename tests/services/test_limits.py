"""Counting what is asked for, in the database and in Redis alike."""

import socket as sockets
import subprocess
import sys
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from django_eliza_sessions.exceptions import RateLimitError
from django_eliza_sessions.models import RateCount
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import counting
from django_eliza_sessions.services.access import ANYBODY
from django_eliza_sessions.services.limits import count_create, count_message
from django_eliza_sessions.services.sweep import purge_sessions
from tests.conftest import minutes
from tests.servers import database_url, free_port
from tests.services.race import together

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "192.0.2.1"
#: 16 processes that ask 10 times each; prints how often they may.
HAMMER = f"""
import multiprocessing, django
django.setup()
from django_eliza_sessions.exceptions import RateLimitError
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.limits import count_create

def hammer(barrier, passed):
    barrier.wait()
    for _ in range(10):
        try:
            count_create(principal=SYSTEM, address="{ADDRESS}", user_id=None)
        except RateLimitError:
            continue
        with passed:
            passed.value += 1

processes = multiprocessing.get_context("fork")
barrier, passed = processes.Barrier(16), processes.Value("i", 0)
hammers = [processes.Process(target=hammer, args=(barrier, passed)) for _ in range(16)]
for process in hammers:
    process.start()
for process in hammers:
    process.join()
assert not any(process.exitcode for process in hammers)
print(passed.value)
"""


@pytest.fixture(params=["database", "redis"])
def store(request, configure):
    """Count in either; return the variables that have other processes do the same."""
    if request.param == "database":
        return {}
    url = request.getfixturevalue("redis").url
    configure(LIMITS_REDIS_URL=url)
    return {"ELIZA_SESSIONS_LIMITS_REDIS_URL": url}


@pytest.fixture
def create(owner):
    def count(principal=owner, address=ADDRESS, user_id=None):
        return count_create(principal=principal, address=address, user_id=user_id)

    return count


@pytest.fixture
def send(owner, session):
    def count(principal=owner, address=ADDRESS, session_id=session.pk):
        return count_message(principal=principal, address=address, session_id=session_id)

    return count


def how_many(results):
    refused = [result for result in results if isinstance(result, RateLimitError)]
    passed = [result for result in results if not isinstance(result, Exception)]
    assert len(refused) + len(passed) == len(results), results
    return len(passed)


def test_nothing_is_counted_unless_asked(create, send, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert create() is None
        assert send() is None


@pytest.mark.usefixtures("store")
class TestRate:
    def test_threads(self, create, configure):
        configure(CREATE_LIMITS={"caller": "10/minute"})
        assert how_many(together([create] * 40)) == 10

    def test_what_is_left(self, create, configure):
        configure(CREATE_LIMITS={"caller": "3/minute"})
        quotas = [create() for _ in range(3)]
        assert [(quota.limit, quota.remaining) for quota in quotas] == [
            (3, 2),
            (3, 1),
            (3, 0),
        ]
        with pytest.raises(RateLimitError) as raised:
            create()
        wait = raised.value.context["retry_after"]
        assert raised.value.context == {
            "counted": "caller",
            "limit": 3,
            "window_seconds": 60,
            "retry_after": wait,
        }
        assert {quota.reset for quota in quotas} == {wait}
        assert raised.value.details == (
            "At most 3 sessions may be created per minute by one caller; "
            f"try again in {wait} seconds."
        )

    def test_the_next_window(self, create, configure, clock):
        configure(CREATE_LIMITS={"caller": "3/2 minutes"})
        reset = create().reset
        assert how_many(together([create] * 5)) == 2
        clock.shift(timedelta(seconds=reset - 1))
        assert how_many(together([create])) == 0
        clock.shift(timedelta(seconds=1))
        assert create().reset == 120
        assert how_many(together([create] * 5)) == 2

    def test_the_least_that_is_left(self, create, configure):
        configure(CREATE_LIMITS={"caller": "10/minute;2/hour", "address": "5/day"})
        assert (create().limit, create().limit) == (2, 2)
        with pytest.raises(RateLimitError, match="per hour by one caller"):
            create()
        assert create(principal=Principal(id="user:3")).limit == 2

    def test_a_refusal_counts_for_no_other_rate(self, create, configure):
        other = Principal(id="user:3")
        configure(CREATE_LIMITS={"caller": "5/minute", "address": "2/minute"})
        assert how_many(together([create] * 20)) == 2
        assert how_many(together([lambda: create(principal=other)] * 20)) == 0
        assert how_many(together([lambda: create(address="192.0.2.2")] * 2)) == 2
        assert how_many(together([lambda: create(address="192.0.2.3")] * 20)) == 1

    def test_a_stranger_uses_up_no_rate_of_a_user(self, create, configure):
        configure(CREATE_LIMITS={"user": "1/minute"})
        victim, stranger = uuid.uuid4(), Principal(id="key:x", user_id=uuid.uuid4())
        asked = partial(create, principal=stranger, user_id=victim)
        assert how_many(together([asked] * 3)) == 1
        assert create(user_id=victim).remaining == 0

    def test_other_callers_are_counted_apart(self, create, configure, stranger):
        configure(CREATE_LIMITS={"caller": "1/minute"})
        assert create().remaining == create(principal=stranger).remaining == 0
        assert create(principal=ANYBODY).remaining == 0
        with pytest.raises(RateLimitError):
            create(address="192.0.2.2")

    def test_nobody_in_particular_is_an_address(self, create, configure):
        configure(CREATE_LIMITS={"caller": "1/minute"})
        create(principal=ANYBODY)
        create(principal=ANYBODY, address="192.0.2.2")
        with pytest.raises(RateLimitError):
            create(principal=ANYBODY)

    def test_one_user(self, create, configure):
        configure(CREATE_LIMITS={"user": "1/minute"})
        user_id = str(uuid.uuid4())
        create(user_id=user_id)
        with pytest.raises(RateLimitError, match="for one user"):
            create(user_id=user_id.upper())
        for anything in (None, 1, ["x"], "\ud800", str(uuid.uuid4())):
            assert create(user_id=anything)

    def test_one_session(self, send, configure, session_factory, stranger):
        configure(MESSAGE_LIMITS={"session": "1/minute"})
        send(principal=stranger)
        send()
        send(session_id=session_factory().pk)
        with pytest.raises(RateLimitError, match="in one session"):
            send()

    def test_the_user_of_a_session(self, send, session_factory, session, owner, configure):
        configure(MESSAGE_LIMITS={"user": "1/minute"})
        mine = [
            session_factory(principal=owner, user_id=session.user_id).pk for _ in range(2)
        ]
        assert send(session_id=session.pk) is None
        assert send(session_id=uuid.uuid4()) is None
        send(session_id=mine[0])
        with pytest.raises(RateLimitError, match="for one user"):
            send(session_id=mine[1])

    def test_operations_are_counted_apart(self, create, send, configure):
        configure(CREATE_LIMITS={"caller": "1/day"}, MESSAGE_LIMITS={"caller": "1/day"})
        assert create().remaining == send().remaining == 0


def test_processes(store):
    environment = store | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "ELIZA_SESSIONS_CREATE_LIMITS": "caller=50/12 months,address=1000/12 months",
    }
    finished = subprocess.run(
        [sys.executable, "-c", HAMMER],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.stdout == "50\n", finished.stderr


class TestDatabase:
    @pytest.mark.parametrize(
        ("limits", "queries"),
        [
            ({"caller": "2/minute"}, 1),
            ({"caller": "2/minute;9/hour", "address": "9/minute"}, 3),
        ],
    )
    def test_query_count(
        self, create, configure, limits, queries, django_assert_num_queries
    ):
        """One for each rate, and one more for each that is given back."""
        configure(CREATE_LIMITS=limits)
        for _ in range(2):
            with django_assert_num_queries(queries):
                create()
        with django_assert_num_queries(1), pytest.raises(RateLimitError):
            create()

    def test_giving_back_is_a_query_for_each_rate(
        self, create, configure, stranger, django_assert_num_queries
    ):
        configure(CREATE_LIMITS={"caller": "2/minute;9/hour", "address": "1/minute"})
        create()
        with django_assert_num_queries(5), pytest.raises(RateLimitError):
            create(principal=stranger)

    def test_keeps_no_trace_of_who_it_was(self, create, configure):
        configure(CREATE_LIMITS=dict.fromkeys(("caller", "address", "user"), "2/day"))
        create(user_id="3c90c3cc-0d44-4b50-8888-8dd25736052a")
        keys = RateCount.objects.values_list("key", flat=True)
        assert len({key.partition("/")[0] for key in keys}) == 3
        assert all(len(key.partition("/")[0]) == 64 for key in keys)

    def test_past_windows_are_purged(self, create, configure, clock):
        configure(CREATE_LIMITS={"caller": "2/minute", "address": "2/2 days"})
        create()
        clock.shift(minutes(1))
        purge_sessions()
        assert [str(row)[-3:] for row in RateCount.objects.all()] == [": 1"]
        clock.shift(minutes(2 * 24 * 60))
        purge_sessions()
        assert not RateCount.objects.exists()


class TestRedisAway:
    @pytest.fixture(autouse=True)
    def passing_time(self, monkeypatch):
        """A monotonic clock that only the test moves."""
        self.now = 1000.0
        monkeypatch.setattr(counting.time, "monotonic", lambda: self.now)

    def test_lets_everybody_in_and_says_so(self, create, configure, caplog):
        configure(
            CREATE_LIMITS={"caller": "1/minute", "address": "1/minute"},
            LIMITS_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
        )
        assert [create().remaining for _ in range(5)] == [1] * 5
        assert caplog.text.count("Nothing is limited for 5 seconds") == 1
        self.now += counting.PAUSE
        create()
        assert caplog.text.count("Nothing is limited for 5 seconds") == 2

    def test_waits_for_a_silent_one_once(self, create, configure, caplog):
        """One that accepts connections and says nothing, as behind a broken network."""
        configure(CREATE_LIMITS={"caller": "1/minute"})
        with sockets.create_server(("127.0.0.1", 0)) as silent:
            configure(LIMITS_REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
            assert [create().remaining for _ in range(3)] == [1] * 3
        assert caplog.text.count("Timeout reading") == 1

    def test_counts_again_once_it_is_back(self, create, configure, redis):
        configure(CREATE_LIMITS={"caller": "1/minute"}, LIMITS_REDIS_URL=redis.url)
        create()
        redis.kill()
        assert create().remaining == 1
        redis.start()
        assert create().remaining == 1
        self.now += counting.PAUSE
        assert create().remaining == 0
        with pytest.raises(RateLimitError):
            create()
