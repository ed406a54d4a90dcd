"""What is alike for messages, heartbeats and renewals."""

from functools import partial

import pytest
from django.db import Error, connection, transaction

from django_eliza_sessions.exceptions import MessageSendError, SessionNotFoundError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services.lifecycle import record_heartbeat, renew_session
from django_eliza_sessions.services.messages import send_message
from tests.services.faults import refuse_updates

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handed_out")]

REFUSALS = (Error, MessageSendError)

each_sign = pytest.mark.parametrize(
    "sign",
    [
        pytest.param(partial(send_message, content="Hello"), id="message"),
        pytest.param(record_heartbeat, id="heartbeat"),
        pytest.param(renew_session, id="renewal"),
    ],
)


@each_sign
def test_whoever_may_use_no_agent_finds_no_session(session, sign):
    nobody = Principal(id="key:1", is_admin=True, agent_ids=frozenset())

    with pytest.raises(SessionNotFoundError):
        sign(principal=nobody, session_id=session.pk)


@pytest.mark.postgresql
@each_sign
def test_one_that_the_database_refuses_leaves_the_transaction_usable(session, sign):
    with transaction.atomic():
        with connection.execute_wrapper(refuse_updates), pytest.raises(REFUSALS):
            sign(principal=SYSTEM, session_id=session.pk)
        assert Session.objects.filter(pk=session.pk, renewal_count=0).exists()
