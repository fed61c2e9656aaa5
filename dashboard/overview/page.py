"""The overview of one broker: what is wrong, the figures behind it, and the deepest queues. Queries run when a part is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.diff import MOST_SENTENCES
from brokers.models import Broker, PollAttempt, VirtualHost
from brokers.queries import kept
from brokers.scope import Scope
from brokers.visibility import WITHOUT_MONITORING
from dashboard.findings.cards import Card, cards
from dashboard.findings.open_now import OpenNow, open_now, why_rules_stand_still
from dashboard.layout import formatting, levels, visibility
from dashboard.layout.chart_ranges import OF_CHARTS, Links, Stretch, links_of
from dashboard.layout.charted import Histories, chosen_stretch, histories_of
from dashboard.layout.charts import Chart
from dashboard.layout.consumption import consuming_of_each
from dashboard.layout.lists import SPARK_POINTS, last_hour
from dashboard.layout.virtual_hosts import followed_while_empty
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.models import Finding
from dashboard.overview import head
from dashboard.overview.broker_charts import BANDED_METRICS, broker_charts
from dashboard.overview.celery_panel import PastWork, Work
from dashboard.overview.change_lines import ChangeLine, change_lines
from dashboard.overview.queue_summary import QueueSummary, queue_summary
from dashboard.overview.row import broker_row, node_row, vhost_row
from dashboard.queues.row import queue_row
from workers.models import Worker

DEEPEST = 6
CHANGES = 5
CHANGES_READ = CHANGES * MOST_SENTENCES
"""From which the lines are made: no line is of more, so that none is cut."""
ATTEMPTS = 200
CARDS = 6
TROUBLE = ("critical", "warning", "unknown")
BROKER_METRICS = ("ready", "unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")


class ShownAttempt(msgspec.Struct, frozen=True):
    """An attempt to poll, as a line: `count` is how many failed in a row since then, on the first of them."""

    attempt: PollAttempt
    count: int = 0


class OneBroker:
    """The overview of one broker; `vhost` narrows all of it but the broker's nodes. `opened`: the findings that are open, where they were read already."""

    def __init__(self, scope: Scope, broker: Broker, vhost: str | None, query: Mapping[str, str], now: datetime, opened: OpenNow | None = None) -> None:
        self.scope, self.broker, self.vhost, self.given, self.now = scope, broker, vhost, query, now
        self.opened = open_now(scope, [broker]) if opened is None else opened
        self.at = broker.past_at
        self.work = (Work if self.at is None else PastWork)(scope, broker, vhost, now, self.opened)
        self._state = kept.state_of([broker])

    @cached_property
    def row(self) -> LiveRow:
        return broker_row(self.broker, self.now, self.opened)

    @cached_property
    def place(self) -> VirtualHost | None:
        """The chosen virtual host; None for all, or if there is none of that name."""
        return kept.shared(self._state, queries.virtual_host, self.scope, self.broker.pk, self.vhost, self.at) if self.vhost is not None else None

    @cached_property
    def figures(self) -> LiveRow:
        """The figures of the tiles: of the chosen virtual host, or of the broker."""
        return self.row if self.vhost is None else vhost_row(self.place, self.broker, self.now)

    @property
    def figures_follow(self) -> str:
        """What the tiles follow: those of a broker are live by themselves."""
        return "workers beat/5 tick/10" if self.vhost is None else "workers tick"

    @property
    def is_recorded(self) -> bool:
        return self.scope.covers(self.broker.name, self.vhost)  # no history is kept of what somebody may view of more

    @property
    def chart_follows(self) -> str:
        return "" if self.vhost is None else "tick/10"

    @cached_property
    def unavailable(self) -> str:
        """Why what is shown is not of now, as a clause; "" while the broker responds."""
        return levels.unavailable(self.broker, self.now)

    @property
    def stale(self) -> bool:
        return bool(self.unavailable)

    @cached_property
    def queues(self) -> QueueSummary:
        return queue_summary(self.scope, self.broker, self.vhost)

    @property
    def queue_total(self) -> int:
        return self.queues.total

    @cached_property
    def seen(self) -> head.Seen:
        """What the heading is about."""
        unclear = 0 if self.stale else self.queues.unclear
        unknown_workers = sum(worker.state == Worker.UNKNOWN for worker in self.work.workers)
        return head.Seen(self.queue_total, self.queues.resting, unclear, unknown_workers, self.hides_queues)

    @property
    def hides_queues(self) -> bool:
        """True if Hareline's user may not see queues that this page is about."""
        if self.vhost is not None:
            return self.place is None or not self.place.visible
        return any(limit.get("vhost") or limit.get("what") == WITHOUT_MONITORING for limit in self.broker.limits)

    @cached_property
    def found(self) -> list[Finding]:
        """What is open here and neither silenced nor explained by another finding, the worst first."""
        return self.opened.of(self.broker.pk, self.vhost)

    @property
    def problems(self) -> list[Finding]:
        return [one for one in self.found if one.level in TROUBLE]

    @cached_property
    def incidents(self) -> list[Card]:
        """The worst problems, with all that is known of them now; none at a past moment, whose pages list them by their titles."""
        return cards(self.scope, self.problems[:CARDS], self.opened.findings) if self.at is None else []

    @property
    def more_problems(self) -> int:
        return max(0, len(self.problems) - CARDS)

    @property
    def silenced(self) -> int:
        return len(self.opened.silenced_of(self.broker.pk, self.vhost))

    @property
    def rules_stand_still(self) -> bool:
        """True if what is found is not of now, since the rules have not looked at the broker lately."""
        return self.opened.stands_still(self.broker.pk)

    @property
    def why_rules_stand_still(self) -> str:
        return why_rules_stand_still()

    @property
    def rules_looked_at(self) -> datetime | None:
        return looked.at if (looked := self.opened.rounds.get(self.broker.pk)) else None

    @cached_property
    def notices(self) -> list[head.Line]:
        """What is unknown of workers, and what is worth a look."""
        return head.unknown_workers(self.work.workers, reverse("workers") + self.query) + head.noticed(one for one in self.found if one.level == "notice")

    @property
    def sentence(self) -> str:
        return head.sentence(len(self.problems), self.seen, [self.broker.name] if self.stale else [], knows=not self.rules_stand_still)

    @property
    def summary(self) -> str:
        knows = not self.rules_stand_still and not self.stale
        return head.summary(len(self.problems), sum(line.level.word == "notice" for line in self.notices), self.seen, knows)

    @property
    def query(self) -> str:
        chosen = {"broker": self.broker.name} | ({"vhost": self.vhost} if self.vhost else {})
        return f"?{urlencode(chosen)}"

    @cached_property
    def shown(self) -> Stretch:
        return chosen_stretch(self.given, self.now, self.broker, "broker" if self.vhost is None else "vhosts", end=self.at)

    @cached_property
    def _read(self) -> Histories:
        kind, pk = ("broker", self.broker.pk) if self.vhost is None else ("vhosts", self.place.pk if self.place else 0)
        return histories_of(self.scope, self.broker, kind, pk, BROKER_METRICS, self.shown, BANDED_METRICS)

    @cached_property
    def sparks(self) -> dict[str, list[float | None]]:
        """The course of each of the broker's figures over the page's range."""
        values = self._read.history.values
        return {metric: thinned(values.get(metric, []), SPARK_POINTS) for metric in BROKER_METRICS}

    @cached_property
    def charts(self) -> list[Chart]:
        return broker_charts(self.scope, self.broker, self.vhost, self._read, self.shown, self.now, self.figures.key, self.opened.silenced)

    @cached_property
    def changes(self) -> list[ChangeLine]:
        found = kept.shared(self._state, queries.changes, self.scope, self.broker.pk, CHANGES_READ, self.at, vhost=self.vhost)
        return change_lines(found)[:CHANGES]

    def _attempts(self, most: int) -> list[PollAttempt]:
        return kept.shared(self._state, queries.poll_attempts, self.scope, self.broker.pk, most, self.at)

    @cached_property
    def attempts(self) -> list[ShownAttempt]:
        """The latest failed attempts (at most two), the first of that series, and the last attempt that succeeded."""
        found = self._attempts(ATTEMPTS)
        failed = next((index for index, attempt in enumerate(found) if attempt.answered), len(found))
        shown = [ShownAttempt(attempt) for attempt in found[: min(2, failed)]]
        if failed > len(shown):
            shown.append(ShownAttempt(found[failed - 1], failed))
        return shown + [ShownAttempt(attempt) for attempt in found[failed : failed + 1]]

    @cached_property
    def deepest(self) -> list[tuple[LiveRow, list[float | None]]]:
        """The queues that findings are about, the worst first, then the deepest, with their depth of the last hour."""
        keys = (one.object_id for one in self.opened.findings if self._is_of_a_queue_here(one))
        about = tuple(dict.fromkeys(key for key in keys if key is not None))[:DEEPEST]
        in_trouble = {queue.pk: queue for queue in kept.shared(self._state, queries.queues_by_ids, self.scope, about, self.at)} if about else {}
        found = [in_trouble[pk] for pk in about if pk in in_trouble and in_trouble[pk].gone_at is None]
        queues = [*found, *(queue for queue in self.queues.deepest if queue.pk not in in_trouble)][:DEEPEST]
        sparks = last_hour(self.scope, "queues", queues, "depth", self._state)
        return [(queue_row(queue, self.broker, consuming, self.now, self.opened), sparks.get(queue.pk, [])) for queue, consuming in consuming_of_each(queues)]

    def _is_of_a_queue_here(self, one: Finding) -> bool:
        here = one.broker_id == self.broker.pk and self.vhost in (None, one.vhost)
        return here and one.kind == "queue" and one.level in TROUBLE and one.pk not in self.opened.silenced

    @property
    def shows_nodes(self) -> bool:
        """False where only a part of the broker is visible, to which no node belongs."""
        return self.scope.covers(self.broker.name)

    @cached_property
    def nodes(self) -> list[LiveRow]:
        return [node_row(node, self.now, self.opened) for node in kept.shared(self._state, queries.nodes, self.scope, self.broker.pk)]

    @cached_property
    def limits(self) -> list[dict[str, Any]]:
        """What Hareline's user may not see or do, why, and the command that grants it."""
        return visibility.limits([self.broker], self.vhost) + self.work.limits

    @property
    def old_parts(self) -> list[dict[str, str]]:
        """What of the broker can't be read now."""
        return visibility.old_parts([self.broker], self.now)

    @property
    def polling(self) -> str:
        """The poll interval, the time of the last response, and what reading costs the broker, as text."""
        broker = self.broker
        if broker.poll_ms is None:
            return ""
        every = formatting.duration(broker.poll_seconds or levels.DEFAULT_POLL_SECONDS)
        parts = [f"Polled every {every}", f"last response {broker.poll_ms:,.0f} ms"]
        if broker.poll_busy_seconds is not None:
            parts.append(f"a poll takes the broker {broker.poll_busy_seconds:.2f} s")
        if broker.topology_every_seconds is not None:
            rarely = formatting.duration(broker.topology_every_seconds)
            cost = f", which takes it {broker.topology_busy_seconds:.1f} s" if broker.topology_busy_seconds is not None else ""
            parts.append(f"bindings and policies read at {formatting.clock(broker.topology_at)}, again after a change or {rarely}{cost}")
        if not self.scope.covers(broker.name):
            return " · ".join(parts)  # the event exchange is in a virtual host that may not be visible
        if events := kept.shared(self._state, queries.definition_events, broker.pk):
            parts.append(f"the broker’s event exchange can’t be used: {events.problem}" if events.problem else "changes named by the broker’s event exchange")
        return " · ".join(parts)

    @property
    def chart_links(self) -> Links:
        chosen = {name: value for name, value in self.given.items() if name in OF_CHARTS}
        return links_of(reverse("overview"), {"broker": self.broker.name} | ({"vhost": self.vhost} if self.vhost else {}) | chosen, self.shown)

    @property
    def topics(self) -> list[str]:
        """The live topics of the page: the broker, and the virtual hosts of what it shows."""
        queues = {row.fixed["vhost"] for row, _ in self.deepest} or ({self.vhost} if self.vhost else set())
        celery = self.work.vhosts or sorted(name for _, name in followed_while_empty(self.scope, [self.broker], self.vhost))
        return [
            topics.Topic(topics.BROKER, self.broker.pk).name,
            *(topics.Topic(topics.QUEUES, self.broker.pk, vhost).name for vhost in sorted(queues)),
            *(topics.Topic(topics.WORKERS, self.broker.pk, vhost).name for vhost in celery),
        ]


def thinned(values: Sequence[float | None], points: int) -> list[float | None]:
    """At most `points` of the values, evenly; the last one always stays.

    >>> thinned([1, 2, 3, 4, 5], 2)
    [2, 5]
    """
    step = -(-len(values) // points) if values else 1
    return [value for index, value in enumerate(values) if (len(values) - 1 - index) % step == 0]
