import os

from django.apps import AppConfig


class RecordingConfig(AppConfig):
    name = "tests.example.recording"

    def ready(self):
        from django_eliza_sessions import signals

        for signal in (signals.session_expiration_warned, signals.session_expired):
            signal.connect(record)


def record(*, event, **_arguments):
    """Append the event's key: a single write, so processes do not disturb each other."""
    file = os.open(
        f"{os.environ['DATA_DIR']}/received", os.O_CREAT | os.O_APPEND | os.O_WRONLY
    )
    os.write(file, b"%d\n" % event.pk)
    os.close(file)
