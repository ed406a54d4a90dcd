"""What is done with all that is held of somebody is recorded, and goes with them."""

from datetime import timedelta

import pytest

from django_eliza_sessions.models import AuditRecord
from django_eliza_sessions.principals import OPERATOR, SYSTEM
from django_eliza_sessions.services import lifecycle
from django_eliza_sessions.services.erasure import erase_user
from django_eliza_sessions.services.export import export_user
from django_eliza_sessions.services.holds import hold_session, lift_hold
from django_eliza_sessions.services.sweep import purge_sessions
from django_eliza_sessions.services.tombstones import digests_of
from django_eliza_sessions.services.users import end_sessions_of_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hold(session, recorded):
    recorded()
    hold_session(principal=OPERATOR, session_id=session.pk, reason="Case 12")
    lift_hold(principal=OPERATOR, session_id=session.pk)
    assert recorded() == [
        ("session_held", "operator", "code", session.pk),
        ("hold_lifted", "operator", "code", session.pk),
    ]


def test_an_export_names_nobody(session, recorded):
    recorded()
    export_user(principal=OPERATOR, user_id=session.user_id)
    assert recorded() == [("user_exported", "operator", "code", None)]
    details = AuditRecord.objects.latest("pk").details
    assert details == {"user": digests_of(session.user_id)[0]}


def test_an_erasure_is_all_that_is_left(session):
    receipt = erase_user(principal=OPERATOR, user_id=session.user_id)
    [record] = AuditRecord.objects.all()
    assert (record.action, record.actor) == ("user_erased", "operator")
    assert record.details == {"erasure": receipt.pk}


def test_the_oldest_makes_room(session, recorded, configure):
    configure(MAX_ACTIVE_SESSIONS_PER_USER=1, MAX_ACTIVE_SESSIONS_POLICY="end_oldest")
    recorded()
    new = lifecycle.create_session(
        principal=SYSTEM, agent_id=session.agent_id, user_id=session.user_id
    )
    assert recorded() == [
        ("session_ended", "system", "code", session.pk),
        ("session_created", "system", "code", new.pk),
    ]


def test_all_of_a_user_are_ended(session, recorded):
    recorded()
    end_sessions_of_user(principal=OPERATOR, user_id=session.user_id)
    assert recorded() == [("session_ended", "operator", "code", session.pk)]


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("delete", ["session_created", "session_ended", "session_purged"]),
        ("anonymise", ["session_anonymised"]),
    ],
)
def test_retention(session, clock, configure, action, left):
    configure(RETENTION_DAYS=1, RETENTION_ACTION=action)
    end_sessions_of_user(principal=OPERATOR, user_id=session.user_id)
    clock.shift(timedelta(days=2))
    purge_sessions()
    records = AuditRecord.objects.filter(session_id=session.pk).order_by("pk")
    assert [record.action for record in records] == left
