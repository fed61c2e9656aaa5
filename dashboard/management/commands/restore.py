"""`manage.py restore FILE`: puts a copy of the database in its place, while Hareline runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from dashboard import store
from dashboard.operations.database_copies import CopyFailed, database_file, restore
from dashboard.operations.database_state import refuse_unusable
from dashboard.people import origin
from dashboard.people.origin import Origin
from workers import store as worker_store


class Command(BaseCommand):
    help = "Replaces what the database holds by a copy that `manage.py backup` made; Hareline may run meanwhile, and goes on with it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection.close()
            restore(database_file(), options["file"])
        except CopyFailed as error:
            raise CommandError(str(error)) from None
        refuse_unusable(waiting=False)
        call_command("migrate", interactive=False, verbosity=0)  # the copy may be older
        with origin.of(Origin(via=origin.COMMAND)):
            store.audit(None, "restore database", store.DONE, timezone.now(), user_name="command line", name=str(options["file"]))
        worker_store.supersede_all()  # a poller notices by itself that what it stored is not there
        self.stdout.write(f"The database holds what {options['file']} holds. Running processes go on with it within some seconds.")
