"""API keys: what is stored, what is found, and for how long."""

from datetime import timedelta

import pytest

from django_eliza_sessions.exceptions import NotFoundError
from django_eliza_sessions.models import ApiKey
from django_eliza_sessions.services import clock as present
from django_eliza_sessions.services.keys import (
    create_key,
    find_key,
    list_keys,
    revoke_key,
)

pytestmark = pytest.mark.django_db
SECONDS = timedelta(seconds=1)


def last_used(key):
    return ApiKey.objects.get(pk=key.pk).last_used_at


class TestCreating:
    def test_stores_nothing_that_opens_a_door(self):
        key, text = create_key(name="App")
        word, prefix, secret = text.split("_", 2)
        assert (word, prefix) == ("eliza", key.prefix)
        stored = str(ApiKey.objects.values().get())
        assert prefix in stored
        assert secret not in stored

    def test_makes_every_secret_anew(self):
        assert len({create_key(name="App")[1] for _ in range(20)}) == 20

    def test_keeps_what_it_is_told(self, agent):
        expires_at = present.now() + timedelta(days=1)
        create_key(name="App", may_act_as=True, agent_ids=[agent.pk], expires_at=expires_at)
        key = ApiKey.objects.get()
        assert (key.name, key.may_act_as, key.is_admin) == ("App", True, False)
        assert key.agent_ids == [str(agent.pk)]
        assert (key.expires_at, key.created_at) == (expires_at, present.now())

    def test_lists_the_newest_first(self, clock):
        first, _ = create_key(name="First")
        clock.shift(SECONDS)
        second, _ = create_key(name="Second")
        assert list_keys() == [second, first]


class TestFinding:
    def test_finds_by_the_whole_text_alone(self):
        key, text = create_key(name="App")
        _, other = create_key(name="Other")
        assert find_key(text) == key
        secret = other.rpartition("_")[2]
        for wrong in (
            text[:-1],
            f"{text}x",
            f" {text}",
            f"{text}\n",
            text.upper(),
            key.prefix,
            f"eliza_{key.prefix}_",
            f"eliza_{key.prefix}_{secret}",
            f"eliza_{key.prefix}_{'0' * 43}",
            f"eliza_{key.prefix}_{'é' * 43}",
            f"eliza_{'0' * 12}_{'0' * 43}",
            key.digest,
            "\ud800",
            "",
        ):
            assert find_key(wrong) is None, wrong

    def test_asks_nobody_about_what_is_no_key(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert find_key("x" * 100_000) is None

    def test_asks_once_in_a_while(self, clock, configure, django_assert_num_queries):
        configure(API_KEY_CACHE_SECONDS=30)
        _, text = create_key(name="App")
        find_key(text)
        clock.shift(29 * SECONDS)
        with django_assert_num_queries(0):
            assert find_key(text)
        clock.shift(SECONDS)
        with django_assert_num_queries(1):
            assert find_key(text)

    def test_asks_once_about_a_wrong_one_too(self, django_assert_num_queries):
        wrong = f"eliza_{'f' * 12}_{'0' * 43}"
        assert find_key(wrong) is None
        with django_assert_num_queries(0):
            assert find_key(wrong) is None


class TestEnd:
    def test_of_a_revoked_key_comes_within_the_seconds_set(self, clock, configure):
        configure(API_KEY_CACHE_SECONDS=30)
        key, text = create_key(name="App")
        assert find_key(text)
        revoke_key(prefix=key.prefix)
        clock.shift(30 * SECONDS)
        assert find_key(text) is None

    def test_comes_at_once_where_the_key_is_not_known(self):
        key, text = create_key(name="App")
        revoke_key(prefix=key.prefix)
        assert find_key(text) is None
        assert last_used(key) is None

    def test_comes_on_the_second_though_the_key_is_known(self, clock, configure):
        configure(API_KEY_CACHE_SECONDS=3600)
        _, text = create_key(name="App", expires_at=present.now() + 10 * SECONDS)
        clock.shift(9 * SECONDS)
        assert find_key(text)
        clock.shift(SECONDS)
        assert find_key(text) is None

    def test_comes_once(self, clock):
        key, _ = create_key(name="App")
        revoked_at = revoke_key(prefix=key.prefix).revoked_at
        assert revoked_at == present.now()
        clock.shift(SECONDS)
        assert revoke_key(prefix=key.prefix).revoked_at == revoked_at

    def test_needs_a_key(self):
        with pytest.raises(NotFoundError, match="abc"):
            revoke_key(prefix="abc")


class TestLastUse:
    def test_is_written_every_ten_minutes_at_most(self, clock):
        key, text = create_key(name="App")
        assert last_used(key) is None
        used_at = present.now()
        for _ in range(10):
            find_key(text)
            assert last_used(key) == used_at
            clock.shift(timedelta(minutes=1))
        find_key(text)
        assert last_used(key) == used_at + timedelta(minutes=10)
