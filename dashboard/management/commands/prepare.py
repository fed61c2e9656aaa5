"""`manage.py prepare`: everything that must be done once before the processes start. Safe to run again; quick when nothing changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.checks import Tags
from django.core.checks.registry import registry
from django.core.management import BaseCommand, CommandError, call_command
from django.utils import timezone

from brokers.polling import leases
from brokers.polling.presence import Presence
from dashboard import store
from dashboard.operations import database_state, processes
from dashboard.people import origin
from dashboard.people.elsewhere import unknown_roles
from dashboard.people.origin import Origin

NOT_HERE = {Tags.database, Tags.urls}


class Command(BaseCommand):
    help = "Brings the database, the admin user, the API token of the environment and the static files up to date; prints a made-up password once."
    requires_system_checks: list[str] = []  # our own below also holds what only a production start must keep

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unsafe_start()
        database_state.make_file()
        database_state.migrate()
        differs = processes.start_text(Presence("web").reported, leases.heartbeats(), timezone.now())
        if differs:
            self.stderr.write(f"hareline: {differs}; processes of other machines use this database too.")
        with origin.of(Origin(via=origin.COMMAND)):
            made_up = store.ensure_admin(settings.ADMIN_PASSWORD)
            store.set_environment_token(settings.API_TOKEN, timezone.now())
        for missing in unknown_roles():
            self.stderr.write(f"hareline: {missing}")
        collect_static_files(Path(settings.STATIC_ROOT))
        if made_up:
            shown = f"The password of admin, shown only now: {made_up}" if self.stdout.isatty() else made_up
            self.stdout.write(shown)  # a script reads the password alone; it is stored nowhere in clear


def refuse_unsafe_start() -> None:
    """Raises CommandError with each problem and what to do about it.

    Not of addresses: these depend on no deployment, so the suite checks them, and they would import every page and call, a third of this command's time.
    """
    checks = [check for check in registry.get_checks(include_deployment_checks=True) if not NOT_HERE.intersection(check.tags)]
    problems = [problem for check in checks for problem in check(app_configs=None, databases=None) if problem.is_serious()]
    if problems:
        raise CommandError("\n".join(f"{problem.msg} {problem.hint or ''}".strip() for problem in problems))


def collect_static_files(root: Path) -> None:
    """Fills STATIC_ROOT, unless nothing changed since the last time."""
    stamp = root / ".collected"
    fingerprint = static_fingerprint()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint)


def static_fingerprint() -> str:
    """A hash over names, sizes and times of all static files, and over how they are stored."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
