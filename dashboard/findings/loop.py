"""The thread of the maintenance process in which the rules look: after every poll and every batch of events, and every few seconds where nothing comes.

It works while its process holds the lease of maintenance. Several rounds in a row never take more than a tenth of a core.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from functools import partial

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from brokers import database_damage, queries
from brokers.database import engine
from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard import store
from dashboard.findings.evaluation import Evaluation, UnusableTargets
from workers import queries as worker_queries

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
AT_LEAST_EVERY_SECONDS = 5.0
REST = 9.0
"""After a round that took so long, no other for so many times its length."""


class FindingsLoop:
    """`works` returns whether this process may work now, `unusable_targets` those of notifications to which nothing can be planned."""

    def __init__(self, works: Callable[[], bool], unusable_targets: UnusableTargets = lambda _: ()) -> None:
        self._works, self._unusable_targets = works, unusable_targets
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="findings", daemon=True)
        self._evaluation = Evaluation(self._unusable_targets)
        self._seen: dict[int | None, tuple[Hashable, float]] = {}  # what was stored at the last round, and when that was

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        self._ended.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        pause = LOOK_SECONDS
        while not self._ended.wait(pause):
            began = time.thread_time()
            if self._works():
                self.round()
            else:
                self._evaluation, self._seen = Evaluation(self._unusable_targets), {}
            pause = max(LOOK_SECONDS, REST * (time.thread_time() - began))
        connection.close()

    def round(self) -> None:
        """Looks at each broker of which something was stored since. What fails is logged, and done again with the next look; the others go on."""
        due: list[tuple[Broker | None, Hashable]] = []
        works = self._try(lambda: store.close_of_other_brokers(timezone.now()))
        works &= self._try(lambda: due.extend(self._due()))
        for broker, state in due:
            works &= self._try(partial(self._look_at, broker, state))
        if works:
            database_damage.passed("findings")

    def _due(self) -> list[tuple[Broker | None, Hashable]]:
        """Each broker, and None for Hareline itself, with what is stored now, where that is news or the last look was a while ago."""
        sources: dict[int, list[Hashable]] = {}
        for source in worker_queries.event_sources(EVERYTHING):
            sources.setdefault(source.broker_id, []).append((source.pk, source.revision, source.state))
        brokers = queries.brokers(EVERYTHING)
        keys = {broker.pk for broker in brokers}
        self._evaluation.forget_others(keys)
        self._seen = {pk: seen for pk, seen in self._seen.items() if pk is None or pk in keys}
        found: list[tuple[Broker | None, Hashable]] = [
            (broker, (broker.state, broker.polled_at, broker.tried_at, broker.inventory_at, tuple(sources.get(broker.pk, ())))) for broker in brokers
        ]
        return [(broker, state) for broker, state in (*found, (None, None)) if self._is_due(broker.pk if broker else None, state)]

    def _look_at(self, broker: Broker | None, state: Hashable) -> None:
        began = time.monotonic()
        self._evaluation.look_at(broker, timezone.now())
        self._seen[broker.pk if broker else None] = (state, began)

    @staticmethod
    def _try(work: Callable[[], object]) -> bool:
        """Whether it worked; what it raised is logged."""
        try:
            work()
        except DatabaseError as error:
            database_damage.note(error, "findings")
            if engine.is_of_others(error):
                log.warning("the rules could not look", reason=str(error).strip())
            else:
                database_damage.log_failure(log, "the rules could not look", error)
            connection.close()
            return False
        except Exception:
            log.exception("the rules could not look; they do again")
            connection.close()
            return False
        return True

    def _is_due(self, key: int | None, state: Hashable) -> bool:
        known = self._seen.get(key)
        return known is None or known[0] != state or time.monotonic() - known[1] >= AT_LEAST_EVERY_SECONDS
