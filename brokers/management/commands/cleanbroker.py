"""`manage.py cleanbroker [--dry-run]`: removes everything of this installation from the brokers.

Everything that Hareline creates in a broker is named `hareline.<installation id>.…`; nothing else is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from brokers import lab_names, queries
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerError, ObjectNotFound
from brokers.management import changing
from brokers.management.management_api import ManagementApi


class Command(BaseCommand):
    help = "Removes every queue, exchange and virtual host of this installation of Hareline from the brokers of HARELINE_BROKERS."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list them")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.BROKERS:
            raise CommandError("HARELINE_BROKERS names no broker, so there is nothing to clean.")
        failures = [failure for address in settings.BROKERS for failure in self._clean(address, self._identifier(), options["dry_run"])]
        if failures:
            raise CommandError("\n".join(failures))

    def _identifier(self) -> str:
        try:
            identifier = queries.installation_id()
        except DatabaseError as error:
            raise CommandError(f"The database of this installation can't be read ({error}), so its objects cannot be distinguished from others.") from error
        if not identifier:
            raise CommandError("This installation has never run, so it has created nothing in a broker.")
        return identifier

    def _clean(self, address: BrokerAddress, installation: str, dry_run: bool) -> list[str]:
        """The failures as sentences; prints what is removed."""
        api, prefix = ManagementApi(address, settings.CA_FILE), f"hareline.{installation}."
        try:
            queues = [(queue.vhost, queue.name) for queue in api.queues_totals() if queue.name.startswith(prefix)]
            exchanges = [(seen.vhost, seen.definition.name) for seen in api.exchanges() if seen.definition.name.startswith(prefix)]
            vhosts = [vhost.name for vhost in api.vhosts() if vhost.name.startswith(lab_names.prefix(installation))]
        except BrokerError as error:
            return [f"{address.name}: {error}"]
        found = [(f"virtual host {name!r}", partial(changing.delete_vhost, api, name)) for name in vhosts]
        for kind, delete, objects in (("queue", changing.delete_queue, queues), ("exchange", changing.delete_exchange, exchanges)):
            found += [(f"{kind} {name!r} in the virtual host {vhost!r}", partial(delete, api, vhost, name)) for vhost, name in objects if vhost not in vhosts]
        failures = [failure for what, delete in found if (failure := self._remove(f"{address.name}: {what}", delete, dry_run))]
        if not found:
            self.stdout.write(f"{address.name}: nothing of this installation found")
        api.close()
        return failures

    def _remove(self, what: str, delete: Callable[[], None], dry_run: bool) -> str:
        """Why it stays, as a sentence; "" if it does not, or only would be removed."""
        if dry_run:
            self.stdout.write(f"{what} would be removed")
            return ""
        try:
            delete()
            self.stdout.write(f"{what} removed")
        except ObjectNotFound:
            self.stdout.write(f"{what} was gone already")
        except BrokerError as error:
            return f"{what} stays: {error}"
        return ""
