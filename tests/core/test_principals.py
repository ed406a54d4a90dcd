"""Who asks."""

from django_eliza_sessions.principals import SYSTEM, Principal


def test_nobody_is_administrator_unasked():
    assert not Principal(id="user:1").is_admin


def test_the_system_sees_everything():
    assert SYSTEM.is_admin
