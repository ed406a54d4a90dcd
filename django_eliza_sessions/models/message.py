"""Messages: what was said in a session, by the user and by the agent."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.fields import VerbatimJSONField
from django_eliza_sessions.models.ids import new_id
from django_eliza_sessions.models.session import Session


class Message(models.Model):
    """One message. Within a session no two share a time (contract, "Messages")."""

    id = models.UUIDField(_("ID"), primary_key=True, default=new_id)
    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="messages",
        db_index=False,
        verbose_name=_("session"),
    )
    author_id = models.UUIDField(_("author ID"))
    is_agent = models.BooleanField(_("from the agent"))
    content = models.TextField(_("content"))
    metadata = VerbatimJSONField(_("metadata"), default=dict)
    attachments = VerbatimJSONField(_("attachments"), default=list)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(
                fields=["session", "created_at"], name="eliza_message_one_per_moment"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
