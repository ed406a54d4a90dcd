"""The project's Celery app: ``celery -A example_project``."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, task_postrun, worker_process_init
from django.db import close_old_connections, connections

from django_eliza_sessions.schedule import beat_schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

app = Celery("example_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.add_defaults(lambda: {"beat_schedule": beat_schedule()})
app.autodiscover_tasks()


@beat_init.connect
def leave_no_broken_connection(**_kwargs: Any) -> None:
    """Have a beat that runs tasks itself let go of connections that failed.

    Celery sees to that in workers only, and Django only after requests.
    """
    task_postrun.connect(close_old_connections)


@worker_process_init.connect
def pool_no_connections(**_kwargs: Any) -> None:
    """Have workers that fork do without a pool.

    After each of their tasks Celery closes it, also for the jobs that run beside.
    """
    for database in connections.settings.values():
        database["OPTIONS"].pop("pool", None)
