"""The commands: what they do, and what they say."""

import pytest
from django.core.management import CommandError, call_command

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Session
from tests.conftest import minutes

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(capsys):
    """Run a command; return what it prints."""

    def call(name, **options):
        call_command(name, **options)
        return capsys.readouterr().out.strip()

    return call


class TestSweep:
    def test_says_what_it_did(self, clock, session, run):
        clock.shift(minutes(25))
        assert (
            run("eliza_sessions_sweep")
            == "1 warned, 0 expired, 0 replies recovered, 0 purged"
        )

        clock.shift(minutes(5))
        assert (
            run("eliza_sessions_sweep")
            == "0 warned, 1 expired, 0 replies recovered, 0 purged"
        )

    def test_has_told_of_everything_when_it_ends(
        self, clock, session, run, received, configure
    ):
        configure(JOB_DISPATCHER="django_eliza_sessions.services.jobs.run_in_thread")
        warned = received(signals.session_expiration_warned)
        clock.shift(minutes(25))

        run("eliza_sessions_sweep")

        assert len(warned) == 1
        assert not Event.objects.filter(relay_at__isnull=False).exists()

    @pytest.mark.parametrize("every", [0, -1])
    def test_refuses_a_pause_that_is_none(self, every):
        with pytest.raises(CommandError, match="above 0"):
            call_command("eliza_sessions_sweep", every=every)


class TestShutdown:
    @pytest.mark.parametrize("clears", [True, False])
    def test_ends_every_session_if_told_to(self, session, configure, run, clears):
        configure(CLEAR_SESSIONS_ON_SHUTDOWN=clears)

        run("eliza_sessions_shutdown")

        assert Session.objects.ended().exists() is clears
