"""`manage.py movedatabase`: copies everything from SQLite into an empty database of PostgreSQL, while Hareline is stopped."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from brokers.clock import is_within
from brokers.database import engine
from brokers.polling import leases
from dashboard import queries
from dashboard.operations.database_move import Move, MoveFailed
from dashboard.operations.readiness import BEATS_EVERY, MISSED


class Command(BaseCommand):
    help = "Copies everything from SQLite into an empty database of PostgreSQL, and compares both; run it again to go on after it was interrupted."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", nargs="?", help="as HARELINE_DATABASE_URL would have it; one with a password is given on standard input instead")

    def handle(self, *args: Any, **options: Any) -> None:
        if engine.is_postgresql():
            raise CommandError("HARELINE_DATABASE_URL names PostgreSQL; start this with the one of the SQLite file to copy from.")
        missing, _ = queries.migration_differences()
        if missing:
            raise CommandError(f"the tables are of another version ({missing[0]} is not applied); run `manage.py prepare` first")
        running = sorted({beat.kind for beat in leases.heartbeats() if beat.ended_at is None and is_within(beat.at, datetime.now(UTC), MISSED * BEATS_EVERY)})
        if running:
            raise CommandError(f"Hareline is running or was until a moment ago ({', '.join(running)}); stop it, and run this again after 15 s")
        url = options["url"] or _address()
        if options["url"] and urlsplit(url).password:
            raise CommandError("everybody on this machine can read a password in an argument; start this without the URL, and give it on standard input")
        path = Path(connection.settings_dict["NAME"])
        connection.close()
        try:
            Move(path, url).run(self.stdout.write)
        except MoveFailed as error:
            raise CommandError(f"movedatabase: {error}") from None
        self.stdout.write("Everything is there, by counts and hashes. Set HARELINE_DATABASE_URL to it and start Hareline; the SQLite file stays as it is.")


def _address() -> str:
    return getpass("URL of the empty database: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
