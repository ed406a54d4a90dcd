"""Signals that leave once the transaction has committed."""

import functools
import logging
from typing import Any

from django.db import models, transaction
from django.dispatch import Signal

logger = logging.getLogger(__name__)


def announce(signal: Signal, instance: models.Model, **arguments: Any) -> None:
    """Send a signal about a row after the commit; a failing receiver is only logged.

    Args:
        signal: One of ``django_eliza_sessions.signals``.
        instance: The row it is about; its class is the sender.
        arguments: What receivers get.
    """
    transaction.on_commit(functools.partial(_send, signal, type(instance), arguments))


def _send(signal: Signal, sender: type[models.Model], arguments: dict[str, Any]) -> None:
    for receiver, result in signal.send_robust(sender=sender, **arguments):
        if isinstance(result, Exception):
            logger.error("Receiver %r failed", receiver, exc_info=result)
