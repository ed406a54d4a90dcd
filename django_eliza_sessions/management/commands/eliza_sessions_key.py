"""API keys from the command line."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import SessionsError
from django_eliza_sessions.management.operator import OperatorCommand
from django_eliza_sessions.services import clock, keys
from django_eliza_sessions.wire import timestamp


class Command(OperatorCommand):
    """Makes, revokes and lists API keys."""

    help = "Makes, revokes and lists the API keys that callers send as X-API-KEY."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one command for each thing to do."""
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        create = commands.add_parser(
            "create", help="make a key, and show it this once: alone on standard output"
        )
        create.add_argument("name", help="what the key is for")
        create.add_argument(
            "--act-as",
            action="store_true",
            help="let it open sessions for any userId, not only for its own",
        )
        create.add_argument(
            "--admin",
            action="store_true",
            help="let it see and end everybody's sessions, and act as anybody",
        )
        create.add_argument(
            "--agent",
            action="append",
            default=[],
            metavar="UUID",
            help="keep it to this agent; give it again for more (default: all agents)",
        )
        create.add_argument(
            "--days",
            type=int,
            metavar="DAYS",
            help="let it expire after this many days (default: never)",
        )
        revoke = commands.add_parser(
            "revoke", help="make a key useless for good, within API_KEY_CACHE_SECONDS"
        )
        revoke.add_argument("prefix", help="the second part of eliza_<prefix>_<secret>")
        commands.add_parser("list", help="show all keys, the newest first")

    def handle(self, *_args: Any, command: str, **options: Any) -> None:
        """Do what was asked."""
        try:
            {"create": self._create, "revoke": self._revoke, "list": self._list}[command](
                options
            )
        except SessionsError as error:
            raise CommandError(error.details) from error

    def _create(self, options: dict[str, Any]) -> None:
        days: int | None = options["days"]
        if days is not None and not 0 < days <= 36500:
            raise CommandError("--days needs a number from 1 to 36500.")
        agent_ids: list[UUID] = [parse_uuid(text, "--agent") for text in options["agent"]]
        key, text = keys.create_key(
            name=options["name"],
            may_act_as=options["act_as"],
            is_admin=options["admin"],
            agent_ids=agent_ids,
            expires_at=None if days is None else clock.now() + timedelta(days=days),
        )
        self.stderr.write(f"{key}: this is shown only now. Its own userId: {key.user_id}")
        self.stdout.write(text)

    def _revoke(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{keys.revoke_key(prefix=options['prefix'])} is revoked")

    def _list(self, _options: dict[str, Any]) -> None:
        now = clock.now()
        for key in keys.list_keys():
            used = timestamp(key.last_used_at) if key.last_used_at else "never"
            self.stdout.write(
                f"{key.prefix}  {key.state(now)}  {' '.join(key.scopes)}  "
                f"last used {used}  {key.name}"
            )
