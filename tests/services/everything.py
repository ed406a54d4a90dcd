"""A user with rows in every table, and looking for them in all of them."""

import uuid
from dataclasses import dataclass, field

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from django_eliza_sessions.models import (
    Event,
    Message,
    Reply,
    ReplyChunk,
    Session,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import lifecycle, messages

SECRETS = ("my-secret", "told-to-me", "my-mood", "my-file", "my-key", "quoted-back")


@dataclass
class Person:
    """Somebody who left something in every table."""

    user_id: uuid.UUID = field(default_factory=uuid.uuid4)
    principal: Principal = field(
        default_factory=lambda: Principal(id=f"user:{uuid.uuid4()}")
    )

    def talk(self, agent, *, ended=False):
        """Open a session, say something, and leave traces wherever there can be any."""
        session = lifecycle.create_session(
            principal=self.principal,
            agent_id=agent.pk,
            user_id=self.user_id,
            metadata={"mood": "my-mood"},
            idempotency_key=f"my-key-{uuid.uuid4()}",
        )
        messages.send_message(
            principal=self.principal,
            session_id=session.pk,
            content="my-secret",
            metadata={"mood": "my-mood"},
            attachments=[{"type": "file", "url": "https://example.com/my-file"}],
            transport="http",
            idempotency_key=f"my-key-{uuid.uuid4()}",
        )
        reply = Reply.objects.get(session=session)
        Message.objects.filter(pk=reply.answer_id).update(content="told-to-me")
        ReplyChunk.objects.create(reply=reply, index=0, text="told-to-me")
        Reply.objects.filter(pk=reply.pk).update(error="quoted-back", input_tokens=7)
        endpoint, _ = WebhookEndpoint.objects.get_or_create(
            name="Reports", url="https://example.com/"
        )
        WebhookEndpoint.objects.update(last_error="Answered 400: quoted-back")
        for event in session.events.all():
            WebhookDelivery.objects.create(
                endpoint=endpoint,
                event=event,
                session_id=session.pk,
                sequence=event.sequence,
                error="quoted-back",
            )
        Event.objects.filter(session=session).update(error="quoted-back")
        operator, _ = get_user_model().objects.get_or_create(username="operator")
        LogEntry.objects.create(
            user=operator,
            content_type=ContentType.objects.get_for_model(Session),
            object_id=str(session.pk),
            object_repr=str(session),
            action_flag=CHANGE,
        )
        if ended:
            lifecycle.end_session(principal=self.principal, session_id=session.pk)
        session.refresh_from_db()
        return session

    def traces(self, *sessions):
        """Return everything by which the person could be found again."""
        parts = Message.objects.filter(session__in=sessions)
        replies = Reply.objects.filter(session__in=sessions)
        ids = [s.pk for s in sessions] + [
            *parts.values_list("pk", flat=True),
            *replies.values_list("pk", flat=True),
        ]
        return [*SECRETS, self.principal.id, *map(str, [self.user_id, *ids])]


def found_in_tables(needles):
    """Return where any of the texts stands, whatever the table and the column."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    text = plain(value)
                    found |= {(table, column, n) for n in needles if plain(n) in text}
    return found


def plain(value):
    """UUIDs are written with dashes and without."""
    return str(value).lower().replace("-", "")
