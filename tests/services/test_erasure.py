"""Erasing everything of a user."""

import hashlib
import uuid
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import pytest
from django.apps import apps
from django.db import OperationalError, connection, models, transaction

from django_eliza_sessions import signals
from django_eliza_sessions.exceptions import (
    PermissionDeniedError,
    SessionNotFoundError,
    SessionsError,
)
from django_eliza_sessions.models import (
    Agent,
    AuditRecord,
    Erasure,
    Event,
    Message,
    Reply,
    ReplyChunk,
    Session,
)
from django_eliza_sessions.models.opening import await_openings
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import erasure, export, jobs, userdata
from django_eliza_sessions.services.erasure import (
    count_rows,
    erase_user,
    receipt_of,
    request_erasure,
)
from django_eliza_sessions.services.holds import hold_session, lift_hold
from django_eliza_sessions.services.lifecycle import create_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.sweep import purge_sessions
from django_eliza_sessions.services.tombstones import digests_of
from django_eliza_sessions.services.users import end_sessions_of_user
from tests.conftest import NOON
from tests.services.everything import Person, found_in_tables
from tests.services.race import meanwhile, somebody_waits, together, wait_until

pytestmark = pytest.mark.django_db
OURS = apps.get_app_config("django_eliza_sessions")


@pytest.fixture
def person():
    return Person()


class TestCoverage:
    def test_every_model_is_either_held_of_users_or_of_nobody(self):
        held = [holding.model for holding in userdata.HOLDINGS]
        assert sorted(m.__name__ for m in [*held, *userdata.OF_NOBODY]) == sorted(
            model.__name__ for model in OURS.get_models()
        )

    @pytest.mark.parametrize("model", userdata.OF_NOBODY)
    def test_what_is_of_nobody_refers_to_no_session_and_no_user(self, model):
        personal = {"session_id", "user_id", "author_id", "message_id", "reply_id", "owner"}
        held = {holding.model for holding in userdata.HOLDINGS}
        for field in model._meta.concrete_fields:
            assert field.related_model not in held
            # A receipt knows the user while it is under way: see the constraint. The
            # audit goes along, as the search below shows.
            assert field.attname not in personal or model in (AuditRecord, Erasure)

    def test_what_is_anonymised_keeps_no_text_and_no_id_that_is_not_listed(self):
        kept = {
            Reply: {"id", "session", "message", "answer_id", "status", "error_code"},
            Message: {"id", "session"},
            Session: {"id", "agent", "close_reason"},
        }
        telling = (
            *(models.CharField, models.TextField, models.JSONField),
            *(models.UUIDField, models.ForeignKey),
        )
        for holding in userdata.HOLDINGS:
            if holding.blank is not None:
                fields = holding.model._meta.concrete_fields
                said = {field.name for field in fields if isinstance(field, telling)}
                assert said == kept[holding.model] | holding.blank.keys()

    def test_the_search_finds_what_is_there(self, person, agent):
        needles = person.traces(person.talk(agent))
        found = found_in_tables(needles)
        assert {needle for _, _, needle in found} == set(needles)
        tables = {table for table, _, _ in found}
        held = {holding.model._meta.db_table for holding in userdata.HOLDINGS}
        assert tables >= held | {"django_admin_log"}


def test_leaves_nothing_behind_in_any_table(person, agent, session_factory):
    needles = person.traces(person.talk(agent), person.talk(agent, ended=True))
    other = session_factory()

    receipt = erase_user(principal=SYSTEM, user_id=person.user_id)

    assert found_in_tables(needles) == set()
    assert Session.objects.get() == other
    assert other.events.exists()
    assert receipt.finished_at == NOON
    assert receipt.user_id is None


def test_finds_what_retention_purged_before(person, agent, clock, configure):
    needles = person.traces(person.talk(agent, ended=True))
    clock.shift(timedelta(days=2))
    configure(RETENTION_DAYS=1)
    assert purge_sessions() == 1
    assert found_in_tables(needles)  # in the audit

    receipt = erase_user(principal=SYSTEM, user_id=person.user_id)

    assert found_in_tables(needles) == set()
    # Created, ended and purged.
    assert receipt.rows["django_eliza_sessions_auditrecord"] == 3


def test_receipt_says_what_went(person, agent):
    person.talk(agent, ended=True)
    prefix = "django_eliza_sessions_"
    rows = {
        f"{prefix}session": 1,
        f"{prefix}message": 2,
        f"{prefix}reply": 1,
        f"{prefix}replychunk": 1,
        f"{prefix}idempotencykey": 2,
        # Created, two messages, a reply; and the end, which the endpoint did not get.
        f"{prefix}event": 5,
        f"{prefix}webhookdelivery": 4,
    }
    assert count_rows(principal=SYSTEM, user_id=person.user_id) == rows
    lines = map(
        export.line_of, export.export_user(principal=SYSTEM, user_id=person.user_id)
    )
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()

    receipt = erase_user(principal=SYSTEM, user_id=person.user_id)

    assert receipt_of(receipt) == {
        "erasure": receipt.pk,
        "requestedBy": "system",
        "requestedAt": "2026-01-01T12:00:00.000Z",
        "finishedAt": "2026-01-01T12:00:00.000Z",
        # The audit: it was created and ended.
        "rows": rows | {"django_admin_log": 1, f"{prefix}auditrecord": 2},
        "sha256": digest,
        "sessionsHeld": 0,
        "tombstone": digests_of(person.user_id)[0],
    }


def test_tells_those_who_listen_that_live_sessions_end(person, agent, received):
    session, ended = person.talk(agent), received(signals.session_ended)
    with connection.execute_wrapper(_fail_at_deletion(1)), pytest.raises(OperationalError):
        erase_user(principal=SYSTEM, user_id=person.user_id)
    session.refresh_from_db()
    assert session.close_reason == "ended"
    assert session.events.filter(kind=Event.Kind.ENDED).exists()
    assert ended == []  # The relay runs on commit, which a test's transaction never does.


@pytest.mark.parametrize("deletion", [1, 2, 5, 9])
def test_goes_on_after_a_crash_where_it_stopped(person, agent, monkeypatch, deletion):
    monkeypatch.setattr(userdata, "ROWS", 3)
    needles = person.traces(person.talk(agent), person.talk(agent, ended=True))
    end_sessions_of_user(principal=SYSTEM, user_id=person.user_id)
    rows = count_rows(principal=SYSTEM, user_id=person.user_id)
    digest = erasure._digest(Session.objects.of_user(person.user_id))

    with (
        connection.execute_wrapper(_fail_at_deletion(deletion)),
        pytest.raises(OperationalError),
    ):
        erase_user(principal=SYSTEM, user_id=person.user_id)
    assert Erasure.objects.get().finished_at is None
    with pytest.raises(PermissionDeniedError):
        person.talk(agent)
    receipt = erase_user(principal=SYSTEM, user_id=person.user_id)

    assert found_in_tables(needles) == set()
    assert receipt == Erasure.objects.get()
    audit = {"django_eliza_sessions_auditrecord": 4}  # Each was created and ended.
    assert receipt.rows == rows | {"django_admin_log": 2} | audit
    assert receipt.digest == digest


def _fail_at_deletion(number):
    deletions = []

    def fail(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            deletions.append(sql)
            if len(deletions) == number:
                raise OperationalError("the server is gone")
        return execute(sql, params, many, context)

    return fail


def test_what_was_cut_short_is_taken_up_by_a_sweep(person, agent, asked_for):
    session = person.talk(agent)
    request_erasure(principal=SYSTEM, user_id=person.user_id)
    asked_for.clear()

    jobs.recover_jobs()
    assert "erase_users" in asked_for
    jobs.run_job("erase_users")

    assert not Session.objects.filter(pk=session.pk).exists()
    assert Erasure.objects.get().finished_at is not None
    asked_for.clear()
    jobs.recover_jobs()
    assert "erase_users" not in asked_for


def test_doing_it_again_changes_nothing(person, agent):
    person.talk(agent)
    first = erase_user(principal=SYSTEM, user_id=person.user_id)

    assert erase_user(principal=SYSTEM, user_id=person.user_id) == first
    assert Erasure.objects.count() == 1


class TestTombstone:
    @pytest.fixture
    def erased(self):
        user_id = uuid.uuid4()
        erase_user(principal=SYSTEM, user_id=user_id)
        return user_id

    def test_refuses_the_user_a_session(self, erased, session_factory):
        with pytest.raises(PermissionDeniedError, match="was erased") as raised:
            session_factory(user_id=erased)
        assert raised.value.context == {"user_id": str(erased)}
        assert not Session.objects.exists()
        assert not Event.objects.exists()

    def test_over_http_it_is_a_403(self, erased, agent, api):
        response = api.post("", {"agentId": str(agent.pk), "userId": str(erased)})
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "FORBIDDEN"

    def test_stands_when_the_secret_key_is_replaced(
        self, erased, session_factory, settings
    ):
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another"
        with pytest.raises(PermissionDeniedError):
            session_factory(user_id=erased)

    def test_cannot_be_guessed_without_the_key(self, erased, settings):
        before = digests_of(erased)
        settings.SECRET_KEY = "another"
        assert not set(before) & set(digests_of(erased))
        assert found_in_tables([str(erased)]) == set()

    def test_others_are_not_concerned(self, erased, session_factory):
        session_factory()
        assert Session.objects.count() == 1


class TestHold:
    def test_keeps_a_session_which_ends(self, person, agent):
        kept, gone = person.talk(agent), person.talk(agent)
        hold_session(principal=SYSTEM, session_id=kept.pk, reason="Case 7")

        receipt = erase_user(principal=SYSTEM, user_id=person.user_id)

        assert Session.objects.get() == kept
        assert kept.messages.filter(content="my-secret").exists()
        assert Session.objects.ended().exists()
        assert receipt.sessions_held == 1
        assert receipt.rows["django_eliza_sessions_session"] == 1
        assert gone.pk not in Session.objects.values_list("pk", flat=True)

    def test_once_lifted_the_rest_goes_with_a_receipt_of_its_own(self, person, agent):
        session = person.talk(agent)
        needles = person.traces(session)
        hold_session(principal=SYSTEM, session_id=session.pk, reason="Case 7")
        first = erase_user(principal=SYSTEM, user_id=person.user_id)
        assert erase_user(principal=SYSTEM, user_id=person.user_id) == first

        lift_hold(principal=SYSTEM, session_id=session.pk)
        second = erase_user(principal=SYSTEM, user_id=person.user_id)

        assert second != first
        assert second.sessions_held == 0
        assert second.rows["django_eliza_sessions_session"] == 1
        assert found_in_tables(needles) == set()


@pytest.mark.parametrize(
    "principal",
    [
        Principal(id="user:1"),
        Principal(id="key:a", is_admin=True, agent_ids=frozenset({uuid.uuid4()})),
    ],
    ids=["user", "administrator-of-some-agents"],
)
@pytest.mark.parametrize("service", [erase_user, request_erasure, count_rows])
def test_takes_an_administrator_over_all_agents(principal, service):
    with pytest.raises(PermissionDeniedError):
        service(principal=principal, user_id=uuid.uuid4())
    assert not Erasure.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestMeanwhile:
    @pytest.mark.postgresql
    def test_waits_for_a_session_that_is_being_created_and_holds_up_no_other(
        self, person, agent
    ):
        create = partial(create_session, principal=SYSTEM, agent_id=agent.pk)
        with ExitStack() as stack:
            with transaction.atomic():
                create(user_id=person.user_id)
                erasing = stack.enter_context(
                    meanwhile(lambda: erase_user(principal=SYSTEM, user_id=person.user_id))
                )
                wait_until(somebody_waits, "the erasure to wait")
                with meanwhile(lambda: create(user_id=uuid.uuid4())) as creating:
                    other = creating.result(20)
                assert not erasing.done()
            erasing.result()
        assert Session.objects.get() == other
        assert found_in_tables([str(person.user_id)]) == set()

    @pytest.mark.postgresql
    def test_is_seen_by_whoever_began_to_create_a_session_before_it(self, person, agent):
        with ExitStack() as stack:
            with transaction.atomic():
                erasure = request_erasure(principal=SYSTEM, user_id=person.user_id)
                await_openings()
                future = stack.enter_context(
                    meanwhile(
                        lambda: create_session(
                            principal=SYSTEM, agent_id=agent.pk, user_id=person.user_id
                        )
                    )
                )
                wait_until(somebody_waits, "the creation to wait")
            assert erasure.finished_at is None
            with pytest.raises(PermissionDeniedError):
                future.result()
        assert not Session.objects.exists()

    def test_nobody_gets_in_anything_while_it_runs(self, person, agent):
        def chat():
            while True:
                try:
                    session = create_session(
                        principal=SYSTEM, agent_id=agent.pk, user_id=person.user_id
                    )
                    send_message(
                        principal=SYSTEM,
                        session_id=session.pk,
                        content="my-secret",
                        transport="http",
                    )
                except PermissionDeniedError:
                    return "refused"
                except SessionsError:
                    continue  # Ended while it was in use.

        def erase():
            wait_until(lambda: Message.objects.count() > 5, "messages")
            return erase_user(principal=SYSTEM, user_id=person.user_id)

        *chats, receipt = together([chat, chat, chat, erase])

        assert isinstance(receipt, Erasure), receipt
        assert chats == ["refused"] * 3
        assert not Session.objects.exists()
        assert found_in_tables(["my-secret", str(person.user_id)]) == set()

    def test_several_at_once_count_each_row_once(self, person, agent):
        person.talk(agent)
        rows = count_rows(principal=SYSTEM, user_id=person.user_id)
        receipts = together(
            [lambda: erase_user(principal=SYSTEM, user_id=person.user_id)] * 4
        )
        assert all(receipt.finished_at for receipt in receipts), receipts
        for name in ("session", "message", "reply", "replychunk", "idempotencykey"):
            table = f"django_eliza_sessions_{name}"
            counted = [each.rows.get(table, 0) for each in Erasure.objects.all()]
            assert sum(counted) == rows[table]
        assert not Session.objects.exists()

    def test_an_agent_that_is_speaking_can_add_nothing(self, session, prompter):
        send_message(principal=SYSTEM, session_id=session.pk, content="my-secret")
        prompter.say("told-")
        wait_until(ReplyChunk.objects.exists, "the first word")

        erase_user(principal=SYSTEM, user_id=session.user_id)
        prompter.say("to-me")
        prompter.wait_for_silence()

        assert not Session.objects.exists()
        assert not Message.objects.exists()
        assert not ReplyChunk.objects.exists()
        assert Agent.objects.exists()

    def test_whoever_waits_for_an_answer_hears_that_it_is_over(self, session, prompter):
        send = partial(
            send_message,
            principal=SYSTEM,
            session_id=session.pk,
            content="my-secret",
            transport="http",
        )
        with ExitStack() as stack:
            first = stack.enter_context(meanwhile(send))
            wait_until(Reply.objects.filter(status="running").exists, "the first reply")
            second = stack.enter_context(meanwhile(send))
            wait_until(lambda: Reply.objects.count() == 2, "the second in the queue")
            erase_user(principal=SYSTEM, user_id=session.user_id)
            for waiting in (first, second):
                with pytest.raises(SessionNotFoundError, match="before it was answered"):
                    waiting.result()
