"""`manage.py backup FILE`: a copy of the database, made while Hareline runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dashboard.operations.database_copies import CopyFailed, back_up, database_file


class Command(BaseCommand):
    help = "Writes a copy of the database into a new file; Hareline may run meanwhile."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            back_up(database_file(), options["file"])
        except CopyFailed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"The copy is in {options['file']}. `manage.py restore` puts it back.")
