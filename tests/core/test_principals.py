"""Who asks."""

import uuid

from django_eliza_sessions.principals import SYSTEM, Principal


def test_nobody_is_administrator_unasked():
    assert not Principal(id="user:1").is_admin


def test_nobody_is_kept_to_a_user_or_agent_unasked():
    principal = Principal(id="user:1")
    assert principal.user_id is None
    assert principal.may_use_agent(uuid.uuid4())


def test_may_be_kept_to_some_agents():
    agent_id = uuid.uuid4()
    principal = Principal(id="key:1", agent_ids=frozenset([agent_id]))
    assert principal.may_use_agent(agent_id)
    assert not principal.may_use_agent(uuid.uuid4())


def test_the_system_sees_everything():
    assert SYSTEM.is_admin
