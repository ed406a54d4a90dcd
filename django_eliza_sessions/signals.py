"""Announcements: sent once the change is committed; a failing receiver is only logged.

``sender`` is the model class. Receivers get live model instances.
"""

from django.dispatch import Signal

# Emitted when a session was created.
# Arguments:
#   - session: Session
session_created = Signal()

# Emitted when a session was renewed, by hand or by activity.
# Arguments:
#   - session: Session
session_renewed = Signal()

# Emitted when a session came within its warning threshold, once per deadline.
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
session_ended = Signal()

# Emitted when a message was stored, the user's or the agent's.
# Arguments:
#   - message: Message
message_created = Signal()

# Emitted when a reply failed for good.
# Arguments:
#   - reply: Reply
reply_failed = Signal()
