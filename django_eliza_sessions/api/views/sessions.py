"""Sessions over HTTP."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from django_eliza_sessions.api import presenters
from django_eliza_sessions.api.body import answer, require
from django_eliza_sessions.api.query import (
    decode_cursor,
    parse_flag,
    parse_limit,
    parse_optional_uuid,
    parse_state,
    single_values,
)
from django_eliza_sessions.api.schema.sessions import document_sessions
from django_eliza_sessions.api.views.base import ContractViewSet
from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import InvalidTimeoutConfigError, quote
from django_eliza_sessions.services import lifecycle, limits, lookup, overview
from django_eliza_sessions.timeouts import TimeoutConfig
from django_eliza_sessions.wire import camel

DEFAULT_PAGE = 100
MAX_PAGE = 1000


@document_sessions
class SessionViewSet(ContractViewSet):
    """Create, list, get, renew, configure and end sessions."""

    def create(self, request: Request) -> HttpResponse:
        """Create a session."""
        body = self.body
        self.quota = limits.count_create(
            principal=self.principal, address=self.address, user_id=body.get("userId")
        )
        require(body, "agentId", "userId")
        session = lifecycle.create_session(
            principal=self.principal,
            agent_id=parse_uuid(body["agentId"], "agent_id"),
            user_id=parse_uuid(body["userId"], "user_id"),
            metadata=body.get("metadata"),
            timeouts=_timeouts(body.get("timeoutConfig")),
            idempotency_key=self.idempotency_key,
        )
        return answer(presenters.created_session(session), status=201)

    def list(self, request: Request) -> HttpResponse:
        """List sessions."""
        query = single_values(request.query_params)
        mine = parse_flag(query, "mine")
        if not mine:
            overview.check_administrator(self.principal)
        page = overview.list_sessions(
            principal=self.principal,
            limit=parse_limit(query, default=DEFAULT_PAGE, maximum=MAX_PAGE),
            state=parse_state(query),
            agent_id=parse_optional_uuid(query, "agentId"),
            user_id=parse_optional_uuid(query, "userId"),
            mine=mine,
            after=decode_cursor(query),
        )
        return answer(presenters.session_page(page))

    def retrieve(self, request: Request, **_path: str) -> HttpResponse:
        """Get a session."""
        session = lookup.get_session(principal=self.principal, session_id=self.session_id)
        return answer(presenters.session_info(session))

    def destroy(self, request: Request, **_path: str) -> HttpResponse:
        """End a session."""
        lifecycle.end_session(principal=self.principal, session_id=self.session_id)
        return answer(presenters.ended_session())

    def renew(self, request: Request, **_path: str) -> HttpResponse:
        """Renew a session."""
        session = lifecycle.renew_session(
            principal=self.principal, session_id=self.session_id
        )
        return answer(presenters.session_info(session))

    def update_timeout(self, request: Request, **_path: str) -> HttpResponse:
        """Change a session's timeouts."""
        session = lifecycle.update_timeout(
            principal=self.principal,
            session_id=self.session_id,
            timeouts=_timeouts(self.body),
        )
        return answer(presenters.session_info(session))

    def heartbeat(self, request: Request, **_path: str) -> HttpResponse:
        """Keep a session alive."""
        session = lifecycle.record_heartbeat(
            principal=self.principal, session_id=self.session_id
        )
        return answer(presenters.session_info(session))


def _timeouts(values: object) -> Mapping[str, Any]:
    """Return the timeout fields of a body under their Python names."""
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InvalidTimeoutConfigError(
            "timeout_config", f"must be an object, got {quote(values)}"
        )
    return {
        field: values[camel(field)]
        for field in TimeoutConfig.__dataclass_fields__
        if camel(field) in values
    }
