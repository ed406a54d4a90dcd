"""The databases that are measured: made, looked at and dropped again."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from benchmarks.cpu import parent_of, tree_seconds


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """One database of a PostgreSQL server.

    Attributes:
        url: ``postgres://user:password@host:port/name``.
    """

    url: str

    def create(self) -> None:
        """Make it, unless it is there from an earlier run."""
        with self._maintenance() as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [self._name]
            ).fetchone()
            if not found:
                connection.execute(
                    sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._name))
                )

    def drop(self) -> None:
        """Remove it, whoever uses it."""
        with self._maintenance() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                    sql.Identifier(self._name)
                )
            )

    def describe(self) -> str:
        """Return its version."""
        with self._maintenance() as connection:
            version = connection.info.server_version
        return f"PostgreSQL {version // 10000}.{version % 10000}"

    def seconds(self) -> float | None:
        """Return the CPU its server has used so far; ``None`` if that is elsewhere."""
        with self._maintenance() as connection:
            postmaster = parent_of(connection.info.backend_pid)
            return tree_seconds(postmaster) if postmaster else None

    def wal_bytes(self) -> int:
        """Return how much its server has ever written to the log."""
        with self._maintenance() as connection:
            [written] = connection.execute(
                "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
            ).fetchone() or [0]
            return int(written)

    @property
    def _name(self) -> str:
        return urlsplit(self.url).path[1:]

    def _maintenance(self) -> psycopg.Connection:
        return psycopg.connect(self.url, dbname="postgres", autocommit=True)


@dataclass(frozen=True, slots=True)
class SQLite:
    """One file in a directory; it works in the server's own processes."""

    directory: Path
    url = ""

    def create(self) -> None:
        """Make room for it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        os.environ["DATA_DIR"] = str(self.directory)

    def drop(self) -> None:
        """Remove it."""
        for file in self.directory.glob("db.sqlite3*"):
            file.unlink()

    def describe(self) -> str:
        """Return its version."""
        import sqlite3

        return f"SQLite {sqlite3.sqlite_version}"

    def seconds(self) -> None:
        """Return nothing: its work is the server's."""

    def wal_bytes(self) -> int:
        """Return nothing: it is not counted."""
        return 0
