"""`manage.py status`: what this installation watches, and what is missing."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from brokers import queries as broker_queries
from brokers.scope import EVERYTHING
from dashboard.operations import watched
from workers import queries as worker_queries

LOOK_EVERY_SECONDS = 0.5


class Command(BaseCommand):
    help = "Lists which brokers are watched, what of them is missing with the command that grants it, and where the data lies; no password."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="wait at most so long until all brokers were tried")
        parser.add_argument("--answered", action="store_true", help="wait until they have answered: they are starting too")

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["wait"]
        brokers = broker_queries.brokers(EVERYTHING)
        while time.monotonic() < deadline and not (len(brokers) >= len(settings.BROKERS) and watched.is_known(brokers, options["answered"])):
            time.sleep(LOOK_EVERY_SECONDS)
            brokers = broker_queries.brokers(EVERYTHING)
        events = {broker.pk: broker_queries.definition_events(broker.pk) for broker in brokers if broker.name in settings.EVENTS}
        database = watched.database_text(settings.DATABASES["default"])
        self.stdout.write("\n".join(watched.lines(brokers, worker_queries.event_sources(EVERYTHING, brokers=brokers), events, database)))
