"""A round from the facts as stored to the findings as stored, of one broker or of Hareline itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import structlog

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.queries.one_moment import one_moment
from brokers.scope import EVERYTHING
from dashboard import queries, store
from dashboard.findings import gathering, lifecycle, round
from dashboard.findings.kept import Kept
from dashboard.findings.lifecycle import Pending
from dashboard.findings.rules import OWN_RULES, RULES
from dashboard.findings.thresholds import Thresholds
from dashboard.models import FindingEvent

log = structlog.get_logger(__name__)
UnusableTargets = Callable[[datetime], Sequence[tuple[str, str, datetime]]]


class Evaluation:
    """Keeps from round to round what was seen, but not yet for long enough to be opened."""

    def __init__(self, unusable_targets: UnusableTargets = lambda _: ()) -> None:
        """`unusable_targets`: those of notifications to which nothing can be planned, as facts have them."""
        self._unusable_targets = unusable_targets
        self._pending: dict[int | None, dict[str, Pending]] = {}
        self._kept: dict[int, Kept] = {}
        self._bodies: dict[int | None, dict[int, bytes]] = {}

    def forget_others(self, brokers: Collection[int]) -> None:
        """What is kept of brokers that are none of these."""
        self._kept = {pk: kept for pk, kept in self._kept.items() if pk in brokers}
        self._pending = {pk: pending for pk, pending in self._pending.items() if pk is None or pk in brokers}
        self._bodies = {pk: bodies for pk, bodies in self._bodies.items() if pk is None or pk in brokers}

    def look_at(self, broker: Broker | None, now: datetime) -> list[FindingEvent]:
        """What changed. `broker` is read again, as of the moment of all else; None: Hareline itself. Raises DatabaseError; then nothing was stored, and
        the next round does the same work."""
        began = time.thread_time()
        rules = OWN_RULES if broker is None else RULES
        with one_moment():  # rules read more as they look; of two polls half of each would show what never was
            if broker is not None:
                broker = broker_queries.broker_by_id(EVERYTHING, broker.pk)
                if broker is None:
                    return []
            known = queries.own_open_findings() if broker is None else queries.open_of(broker)
            thresholds = Thresholds(rules, queries.rule_settings(EVERYTHING), broker.name if broker else "")
            if broker is None:
                facts = gathering.own_facts(known, now, self._unusable_targets(now))
            else:
                facts = gathering.facts_of(broker, known, now, self._kept.setdefault(broker.pk, Kept()))
            looked = round.look(rules, facts, thresholds, self._log)
        open_now = {one.identity: one for one in known}
        new = [key for key in looked.round.found if key not in open_now]
        lately = queries.latest_closed(new, now - lifecycle.RETURNS_WITHIN) if new else {}
        pending = dict(self._pending.get(broker.pk if broker else None, {}))
        elsewhere = self._pending.get(None, {}) if broker else {}
        steps = lifecycle.advance(open_now, lately, looked.round, pending, now, round.times, elsewhere)
        events = store.save_round(
            broker,
            steps,
            open_now,
            lately,
            now,
            took_ms=1000 * (time.thread_time() - began),
            rules=len(rules),
            failed=looked.failed,
            unsure={rule: found[0].why for rule, found in looked.round.unsure.items()},
            bodies=self._bodies.setdefault(broker.pk if broker else None, {}),
        )
        self._pending[broker.pk if broker else None] = pending
        return events

    @staticmethod
    def _log(rule: str, error: Exception) -> None:
        log.error("a rule failed; the others go on", rule=rule, exc_info=error)
