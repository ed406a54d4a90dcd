"""The entries for Celery beat name real tasks and follow the settings."""

from django_eliza_sessions import tasks
from django_eliza_sessions.schedule import beat_schedule


def test_names_real_tasks():
    names = {entry["task"] for entry in beat_schedule().values()}

    assert names == {
        tasks.sweep_sessions.name,
        tasks.recover_replies.name,
        tasks.recover_jobs.name,
        tasks.purge_sessions.name,
    }


def test_follows_the_settings(configure):
    configure(SWEEP_INTERVAL_SECONDS=3, SESSION_CLEANUP_INTERVAL_MINUTES=2)

    schedule = beat_schedule()

    assert schedule["eliza-sessions-sweep"]["schedule"] == 3.0
    assert schedule["eliza-sessions-recover-replies"]["schedule"] == 3.0
    assert schedule["eliza-sessions-recover-jobs"]["schedule"] == 3.0
    assert schedule["eliza-sessions-purge"]["schedule"] == 120.0
