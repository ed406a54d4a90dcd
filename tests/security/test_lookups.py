"""A stranger's question costs the database the same whether the session exists or not."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.access.conftest import STRANGERS
from tests.access.test_http import ON_A_SESSION, call

ID = re.compile("[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")

pytestmark = pytest.mark.django_db


def asked(caller, method, route, body, *ids):
    """Return the statements that a request makes, whatever it is about."""
    with CaptureQueriesContext(connection) as queries:
        call(caller, method, route, body, *ids)
    # The session's id is another one, and so are those of what would be stored with it.
    return [ID.sub("…", query["sql"]) for query in queries]


@pytest.mark.parametrize(("route", "method"), ON_A_SESSION, ids=" ".join)
@pytest.mark.parametrize("name", STRANGERS)
def test_same_statements(clock, callers, session_of, route, method, name):
    body, _ = ON_A_SESSION[route, method]
    session, message_id = session_of("owner")
    call(callers[name], "GET", "?mine=true")  # What is known of the caller is known now.
    theirs = asked(callers[name], method, route, body, session.pk, message_id)
    nobodys = asked(callers[name], method, route, body, uuid.uuid4(), message_id)
    assert theirs
    assert [sql.split("SAVEPOINT")[0] for sql in theirs] == [
        sql.split("SAVEPOINT")[0] for sql in nobodys
    ]
