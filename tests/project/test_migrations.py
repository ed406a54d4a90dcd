"""The migrations are complete, and can be taken back."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

APP = "django_eliza_sessions"


def our_tables():
    return {
        name
        for name in connection.introspection.table_names()
        if name.startswith(f"{APP}_")
    }


@pytest.mark.django_db
def test_are_complete():
    call_command("makemigrations", APP, check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_are_reversible():
    wanted = {model._meta.db_table for model in apps.get_app_config(APP).get_models()}
    assert our_tables() == wanted

    try:
        call_command("migrate", APP, "zero", verbosity=0)
        assert our_tables() == set()
    finally:
        call_command("migrate", APP, verbosity=0)

    assert our_tables() == wanted
