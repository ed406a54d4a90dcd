"""Signals that leave once the transaction has committed."""

from functools import partial
from typing import Any

from django.db import models, transaction
from django.dispatch import Signal


def announce(signal: Signal, instance: models.Model, **arguments: Any) -> None:
    """Send a signal about a row after the commit; Django logs a failing receiver.

    Args:
        signal: One of ``django_eliza_sessions.signals``.
        instance: The row it is about; its class is the sender.
        arguments: What receivers get.
    """
    transaction.on_commit(partial(signal.send_robust, sender=type(instance), **arguments))
