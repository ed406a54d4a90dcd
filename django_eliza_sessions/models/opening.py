"""The one statement that stores a session, if there may be one (contract, "Creating")."""

import time
from collections.abc import Sequence
from functools import cache

from django.db import OperationalError, connection, models, transaction

from django_eliza_sessions.models.agent import Agent, Timeouts
from django_eliza_sessions.models.columns import prepared
from django_eliza_sessions.models.erasure import Erasure
from django_eliza_sessions.models.rows import mark_stored, values_of
from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.statements import (
    Statement,
    insert_from_sql,
    inserted_fields,
    returning,
)
from django_eliza_sessions.models.together import change_and_insert

#: Milliseconds for which an erasure may keep sessions from being created, at a time, and
#: the seconds until it tries again.
TRY_MS, PAUSE = 50, 0.2
#: PostgreSQL's code for a ``lock_timeout``.
LOCK_NOT_AVAILABLE = "55P03"


def open_session(
    session: Session,
    inherited: Timeouts,
    digests: Sequence[str],
    rows: Sequence[models.Model],
) -> bool:
    """Store a session and what comes with it, if its agent is enabled, its user not erased.

    The statement has a lock on the table of agents from before it looks for tombstones
    until its transaction ends, so that an erasure can wait for it (``await_openings``).

    Args:
        session: Unsaved.
        inherited: What the agent set when the session's deadlines were worked out, and
            still must.
        digests: Of its user: the tombstones that there must not be.
        rows: Unsaved, too; as ``change_and_insert`` takes them.

    Returns:
        Whether they were stored.
    """
    params = values_of(session)
    held = {f"its_{name}": (Agent, name, value) for name, value in inherited.items()}
    params |= prepared(**held)
    params |= {f"digest_{number}": digest for number, digest in enumerate(digests)}
    statement = _statement(tuple(inherited), len(digests))
    if change_and_insert(statement, params, rows) is None:
        return False
    mark_stored([session])
    return True


def await_openings() -> None:
    """Wait until no session is being stored that has not seen the tombstones of now.

    PostgreSQL takes a statement's locks on tables before it looks at what is committed:
    so whoever comes after this sees the tombstones. Who waits for that lock has everybody
    behind them wait, too, so this waits in short tries. SQLite has one writer at a time
    anyway. Call it outside a transaction.
    """
    if connection.vendor != "postgresql":
        return
    while True:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{TRY_MS:d}ms'")
                cursor.execute(f"LOCK TABLE {Agent._meta.db_table} IN EXCLUSIVE MODE")
                return
        except OperationalError as error:
            # As psycopg 2 and 3 both have it.
            diagnosis = getattr(error.__cause__, "diag", None)
            if getattr(diagnosis, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
        time.sleep(PAUSE)


@cache
def _statement(inherited: tuple[str, ...], digests: int) -> Statement:
    is_still = "IS NOT DISTINCT FROM" if connection.vendor == "postgresql" else "IS"
    unchanged = (f"agent.{name} {is_still} %(its_{name})s" for name in inherited)
    values = (f"%({field.attname})s" for field in inserted_fields(Session))
    unwanted = (f"%(digest_{number})s" for number in range(digests))
    select = (
        f"SELECT {', '.join(values)} FROM {Agent._meta.db_table} agent "
        f"WHERE agent.id = %(agent_id)s AND agent.enabled AND {' AND '.join(unchanged)} "
        "AND NOT EXISTS ("
        f"SELECT 1 FROM {Erasure._meta.db_table} "
        f"WHERE user_digest IN ({', '.join(unwanted)}))"
    )
    if connection.vendor == "postgresql":
        # What ``await_openings`` waits for; a plain SELECT's lock would not stop it.
        select += " FOR KEY SHARE OF agent"
    return returning(Session, insert_from_sql(Session, inserted_fields(Session), select))
