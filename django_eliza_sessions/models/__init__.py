"""What is stored."""

from django_eliza_sessions.models.agent import Agent
from django_eliza_sessions.models.api_key import ApiKey
from django_eliza_sessions.models.audit import AuditRecord
from django_eliza_sessions.models.erasure import Erasure
from django_eliza_sessions.models.event import Event
from django_eliza_sessions.models.idempotency import IdempotencyKey
from django_eliza_sessions.models.message import Message
from django_eliza_sessions.models.rate_count import RateCount
from django_eliza_sessions.models.reply import Reply, ReplyChunk
from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "Agent",
    "ApiKey",
    "AuditRecord",
    "Erasure",
    "Event",
    "IdempotencyKey",
    "Message",
    "RateCount",
    "Reply",
    "ReplyChunk",
    "Session",
    "WebhookDelivery",
    "WebhookEndpoint",
]
