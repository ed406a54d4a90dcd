"""The list of replies, where failures are found."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.exceptions import MessageSendError
from django_eliza_sessions.models import Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import messages
from tests.admin.conftest import REPLIES, found, page_of, short_link


@pytest.fixture
def fail(session):
    def make(count=1):
        session.agent.backend_options = {"error": "<b>no tokens</b> " + "x" * 200}
        session.agent.save()
        for _ in range(count):
            with pytest.raises(MessageSendError):
                messages.send_message(
                    principal=SYSTEM, session_id=session.pk, content="Hi", transport="http"
                )

    return make


def test_shows_why_replies_failed_and_where(admin_client, fail, session):
    fail()

    html = admin_client.get(REPLIES, {"status__exact": "failed"}).content.decode()

    assert "&lt;b&gt;no tokens&lt;/b&gt;" in html
    assert "x" * 200 not in html
    assert short_link(session) in html
    assert "<b>no tokens" not in html
    page = admin_client.get(page_of(Reply.objects.get())).content.decode()
    assert "x" * 200 in page


def test_are_found_by_their_session(admin_client, fail, session, session_factory):
    fail()

    assert found(admin_client, REPLIES, str(session.pk)[:8]) == [Reply.objects.get()]
    assert found(admin_client, REPLIES, str(session_factory().pk)) == []


def test_filters_by_status(admin_client, fail):
    fail()

    response = admin_client.get(REPLIES, {"status__exact": "complete"})

    assert len(response.context["cl"].result_list) == 0


def test_costs_the_same_with_more_rows(admin_client, fail):
    fail()
    admin_client.get(REPLIES)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(REPLIES)
    fail(10)
    with CaptureQueriesContext(connection) as many:
        admin_client.get(REPLIES)

    assert len(many) == len(few)
