"""The operator's door: agents, keys and webhooks to set up, sessions to look into."""

from django_eliza_sessions.admin.agents import AgentAdmin
from django_eliza_sessions.admin.audit import AuditRecordAdmin
from django_eliza_sessions.admin.deliveries import WebhookDeliveryAdmin
from django_eliza_sessions.admin.endpoints import WebhookEndpointAdmin
from django_eliza_sessions.admin.erasures import ErasureAdmin
from django_eliza_sessions.admin.events import EventAdmin
from django_eliza_sessions.admin.keys import ApiKeyAdmin
from django_eliza_sessions.admin.replies import ReplyAdmin
from django_eliza_sessions.admin.sessions import SessionAdmin

__all__ = [
    "AgentAdmin",
    "ApiKeyAdmin",
    "AuditRecordAdmin",
    "ErasureAdmin",
    "EventAdmin",
    "ReplyAdmin",
    "SessionAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]
