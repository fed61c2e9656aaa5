"""`manage.py audit verify`: whether the audit log is as it was written."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import BaseCommand
from django.core.management.base import CommandError, CommandParser

from dashboard import queries
from dashboard.operations.database_state import refuse_unprepared


class Command(BaseCommand):
    help = "Verifies the audit log, and names the first entry that was changed or removed. Exit status: 0 if all is as written, 1 if not or unknown."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["verify"])
        parser.add_argument("--noted", metavar="NUMBER:HASH", help="an entry as an earlier run printed it, kept where nobody who can write to the database can")
        parser.add_argument("--resealed", type=int, default=0, metavar="NUMBER", help="up to this entry the head is known to have been made anew for a reason")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unprepared()
        found = queries.verify_audit(_noted(options["noted"]))
        if found.problem:
            self.stderr.write(f"hareline: {found.problem} {found.count:,} entries before it are as they were written.")
            sys.exit(1)
        if not found.count:
            self.stdout.write("The audit log is empty.")
            return
        self.stdout.write(f"All {found.count:,} entries, {found.first} to {found.last}, are as they were written. To be noted: {found.last}:{found.last_hash}")
        if found.resealed_at > options["resealed"]:
            self.stderr.write(
                f"hareline: {found.resealed} of them, the last one entry {found.resealed_at}, state that the head of the log was not the one that Hareline had "
                "written: somebody shortened the log or wrote it anew, unless HARELINE_SECRET_KEY was changed or the head was lost before that entry. "
                f"Where that is the reason: --resealed {found.resealed_at}."
            )
            sys.exit(1)


def _noted(text: str | None) -> tuple[int, str] | None:
    if not text:
        return None
    number, _, noted = text.partition(":")
    if not number.isdecimal() or len(noted) != 64:
        raise CommandError("--noted: expected NUMBER:HASH as `manage.py audit verify` prints it")
    return int(number), noted
