"""Everybody who may come to a door, by name."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock, keys, lifecycle, messages
from django_eliza_sessions.services.access import principal_of_key, user_id_of

SERVER_KEY = "the server's key"

#: Who has no business here at all.
NOBODY = ("anonymous", "wrong_key", "revoked_key", "expired_key", "inactive_user")
#: Who may have sessions, but not the owner's. The last sees everybody's, of another agent.
STRANGERS = ("user", "key", "act_as_key", "other_agents_key", "other_agents_admin_key")
#: Who owns the session that it is about.
OWNERS = ("owner", "owner_key")
#: Who may do everything.
ADMINISTRATORS = ("staff", "admin_key", "server_key")
EVERYBODY = (*NOBODY, *STRANGERS, *OWNERS, *ADMINISTRATORS)
#: Of those, who may open sessions for anybody.
FREE = ("act_as_key", "other_agents_admin_key", *ADMINISTRATORS)


@dataclass
class Caller:
    """Somebody at the door: what they bring, and who they are once inside."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    user_id: uuid.UUID = field(default_factory=uuid.uuid4)
    principal: Principal | None = None

    def client(self) -> Client:
        return Client(headers=self.headers)


@pytest.fixture
def callers(configure: Callable[..., None], agent: Any, agent_factory: Any) -> Any:
    """Return callers by their names."""
    configure(ACCESS="key", ELIZA_SERVER_AUTH_TOKEN=SERVER_KEY)

    def with_key(name: str, **scope: Any) -> Caller:
        key, text = keys.create_key(name=name, **scope)
        principal = principal_of_key(text) if key.is_valid(clock.now()) else None
        return Caller(name, {"X-API-KEY": text}, key.user_id, principal)

    def with_login(name: str, **fields: Any) -> Caller:
        user = get_user_model().objects.create_user(name, **fields)
        client = Client()
        client.force_login(user)
        cookie = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
        return Caller(name, cookie, user_id_of(user), Principal(id=f"user:{user.pk}"))

    def revoked() -> Caller:
        key, text = keys.create_key(name="revoked", is_admin=True)
        keys.revoke_key(prefix=key.prefix)
        return Caller("revoked_key", {"X-API-KEY": text})

    others = {"agent_ids": [agent_factory(name="Other").pk]}
    known = [
        Caller("anonymous"),
        Caller("wrong_key", {"X-API-KEY": f"eliza_{'0' * 12}_{'0' * 43}"}),
        revoked(),
        with_key("expired_key", is_admin=True, expires_at=clock.now() - timedelta(days=1)),
        with_login("inactive_user", is_staff=True, is_active=False),
        with_login("user"),
        with_key("key"),
        with_key("act_as_key", may_act_as=True),
        with_key("other_agents_key", **others),
        with_key("other_agents_admin_key", is_admin=True, **others),
        with_login("owner"),
        with_key("owner_key"),
        with_login("staff", is_staff=True),
        with_key("admin_key", is_admin=True),
        Caller("server_key", {"X-API-KEY": SERVER_KEY}),
    ]
    assert tuple(caller.name for caller in known) == EVERYBODY
    return {caller.name: caller for caller in known}


@pytest.fixture
def session_of(callers: Any, agent: Any) -> Callable[[str], tuple[Session, uuid.UUID]]:
    """Open a session as an owner, and say something; return it and the message's id."""

    def make(name: str) -> tuple[Session, uuid.UUID]:
        owner = callers[name]
        session = lifecycle.create_session(
            principal=owner.principal, agent_id=agent.pk, user_id=owner.user_id
        )
        sent = messages.send_message(
            principal=owner.principal,
            session_id=session.pk,
            content="Hello",
            transport="http",
        )
        return session, sent.message.pk

    return make
