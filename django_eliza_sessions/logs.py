"""Log lines that say what they belong to."""

import logging

from django_eliza_sessions.origin import current_origin


class OriginFilter(logging.Filter):
    """Gives every record ``request_id``, ``principal`` and ``session_id``.

    For a handler of the project's ``LOGGING``. What is unknown is ``-``; what a record
    brings itself, by ``extra=``, stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; nothing is left out."""
        origin = current_origin()
        principal = origin.actor if origin.request_id else ""
        for name, value in (
            ("request_id", origin.request_id),
            ("principal", principal),
            ("session_id", origin.session_id),
        ):
            if not hasattr(record, name):
                setattr(record, name, value or "-")
        return True
