"""The operator's door: agents to edit, sessions to look into and to act on."""

from django_eliza_sessions.admin.agents import AgentAdmin
from django_eliza_sessions.admin.replies import ReplyAdmin
from django_eliza_sessions.admin.sessions import SessionAdmin

__all__ = ["AgentAdmin", "ReplyAdmin", "SessionAdmin"]
