"""The periodic tasks, for the host's Celery app: ``app.conf.beat_schedule = …``.

Names the tasks without importing them, so it can be read before the apps are ready.
"""

from typing import Any

from django_eliza_sessions.conf import conf


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the entries for Celery beat, at the intervals of the settings."""
    return {
        "eliza-sessions-sweep": {
            "task": "django_eliza_sessions.tasks.sweep_sessions",
            "schedule": float(conf.sweep_interval_seconds),
        },
        "eliza-sessions-recover-replies": {
            "task": "django_eliza_sessions.tasks.recover_replies",
            "schedule": float(conf.sweep_interval_seconds),
        },
        "eliza-sessions-recover-jobs": {
            "task": "django_eliza_sessions.tasks.recover_jobs",
            "schedule": float(conf.sweep_interval_seconds),
        },
        "eliza-sessions-purge": {
            "task": "django_eliza_sessions.tasks.purge_sessions",
            "schedule": conf.cleanup_interval_minutes * 60.0,
        },
    }
