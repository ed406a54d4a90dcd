"""Announcements.

``sender`` is the model class; receivers get live model instances, and ignore what they
do not know (``**kwargs``).

Those with an ``event`` are relayed from the outbox: after the commit, at least once, by
any process. A receiver that raises gets it again, with growing pauses, and so do the
others, so a receiver must do no harm twice: the event's ``pk`` says which one it is, and
its ``sequence`` where it belongs among the events of its session. The others are sent
once, at the commit; a failing receiver is only logged.
"""

from django.dispatch import Signal

# Emitted when a session was created.
# Arguments:
#   - session: Session
#   - event: Event
session_created = Signal()

# Emitted when a session was renewed, by hand or by activity. Not relayed.
# Arguments:
#   - session: Session
session_renewed = Signal()

# Emitted when a session came within its warning threshold, once per deadline. A renewal
# since then shows in ``session.expires_at``, which differs from ``event.deadline``.
# Arguments:
#   - session: Session
#   - event: Event
session_expiration_warned = Signal()

# Emitted when a session was found to have expired, once per session.
# Arguments:
#   - session: Session
#   - event: Event
session_expired = Signal()

# Emitted when a session was ended on purpose.
# Arguments:
#   - session: Session
#   - event: Event
session_ended = Signal()

# Emitted when a message was stored, the user's or the agent's.
# Arguments:
#   - message: Message
#   - event: Event
message_created = Signal()

# Emitted when more of a reply's text was stored, before its end. Not relayed.
# Arguments:
#   - reply: Reply
#   - index: int, counting from 0
#   - text: str
reply_chunk_added = Signal()

# Emitted when a reply was completed.
# Arguments:
#   - reply: Reply
#   - message: Message, the agent's
#   - event: Event
reply_completed = Signal()

# Emitted when a reply failed for good.
# Arguments:
#   - reply: Reply
#   - message: Message with the part that was said, or None
#   - event: Event
reply_failed = Signal()

# Emitted when a reply was cancelled: by somebody, by a newer message, or because its
# session was over.
# Arguments:
#   - reply: Reply
#   - message: Message with the part that was said, or None
#   - event: Event
reply_cancelled = Signal()
