"""What is stored."""

from django_eliza_sessions.models.agent import Agent
from django_eliza_sessions.models.event import Event
from django_eliza_sessions.models.idempotency import IdempotencyKey
from django_eliza_sessions.models.message import Message
from django_eliza_sessions.models.reply import Reply, ReplyChunk
from django_eliza_sessions.models.session import Session

__all__ = ["Agent", "Event", "IdempotencyKey", "Message", "Reply", "ReplyChunk", "Session"]
