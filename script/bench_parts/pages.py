"""How long pages take over a broker with 10,000 queues and as many bindings of one exchange; the peer is RabbitMQ's own list of queues by depth.

`.venv/bin/python -m script.bench_parts.pages [--queues 10000]` measures this alone; it is a part of `script.bench_parts.queues`.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from script.bench_parts import big_broker
from script.bench_parts.rows import Row, at_least, at_most, emit, percentile
from script.rabbitmq_node import RabbitNode

PEER_READS, PAGE_READS, READS_A_POLL = 4, 25, 5
GOAL_TIMES, GOAL_FIRST_MS = 20, 100


def page_rows(node: RabbitNode, queues: int, on: str = "") -> Iterator[Row]:
    """Pages as Django makes them, without the network. A save of the broker precedes every fifth read, as polls do, and what the web process then works out
    in the background, as it does while anybody's page is live."""
    from django.test import Client
    from django.utils import timezone

    from brokers.models import Broker, Exchange, Queue
    from dashboard.live.renewal import renew
    from dashboard.models import User

    in_background: list[float] = []
    Broker.objects.update(polled_at=timezone.now())
    person = Client(headers={"host": "localhost"})
    person.force_login(User.objects.create_superuser("bench", password="bench"))  # noqa: S106
    one, exchange = Queue.objects.order_by("pk")[queues // 2], Exchange.objects.get(name=big_broker.EXCHANGE)
    explanation = f"/routing/?broker=bench&vhost=/&of=message&exchange={big_broker.EXCHANGE}&routing_key=order.{one.name}.eu"
    pages = {
        "overview": "/",
        "queues": "/queues/",
        "queues, by depth": "/queues/?sort=-depth",
        "queues, searched": "/queues/?q=shop.7",
        "a queue": f"/queues/{one.pk}/",
        "exchanges": "/exchanges/",
        f"an exchange with {queues:,} bindings": f"/exchanges/{exchange.pk}/",
        "why": explanation,
    }
    peer_ms = percentile([_timed(lambda: node.api("GET", f"{big_broker.PAGE}&sort=messages&sort_reverse=true")) for _ in range(PEER_READS)], 50)
    for name, address in pages.items():
        if (status := person.get(address).status_code) != 200:
            raise SystemExit(f"{address} answered {status}")
        _saved()
        cold, took, spent, renewed = _timed(lambda address=address: person.get(address)), [], 0.0, []  # type: ignore[misc]
        for number in range(PAGE_READS):
            if number % READS_A_POLL == 0:
                _saved()
                renewed.append(_timed(renew))
            busy = time.process_time()
            took.append(_timed(lambda address=address: person.get(address)))  # type: ignore[misc]
            spent += (time.process_time() - busy) * 1000 / PAGE_READS
        worst = percentile(took, 95)
        in_background += renewed
        what = f"server time of a page{on}, {queues:,} queues, 95 %: {name}"
        shown = f"{worst:.0f} ms (half: {percentile(took, 50):.0f}; CPU {spent:.0f}; where nothing was made ahead {cold:.0f})"
        times = peer_ms / worst
        yield Row(what, shown, f"RabbitMQ’s list by depth: {peer_ms:,.0f} ms", times, *at_least(GOAL_TIMES, times))
    made = f"{percentile(in_background, 50):.0f} ms (95 %: {percentile(in_background, 95):.0f})"
    yield Row(f"what all these pages share, worked out in the background after a poll{on}, {queues:,} queues", made)
    yield first_explanation(lambda: person.get(explanation), queues)


def first_explanation(explain: Callable[[], Any], queues: int) -> Row:
    """An explanation after a binding went, once the router is made, which the web process does in the background."""
    from django.utils import timezone

    from brokers.models import Binding
    from dashboard.why.warm import Warmer

    Binding.objects.filter(pk=Binding.objects.exclude(source="").latest("pk").pk).update(gone_at=timezone.now())
    _saved()
    made, took = _timed(Warmer().warm), _timed(explain)
    what = f"the first explanation after a topology change, {queues:,} queues"
    return Row(what, f"{took:.0f} ms (after {made:,.0f} in the background)", "", None, *at_most(GOAL_FIRST_MS, took, " ms"))


def _saved() -> None:
    from django.db.models import F

    from brokers.models import Broker

    Broker.objects.update(revision=F("revision") + 1)


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    from script.bench_parts.own_database import set_up
    from script.bench_parts.queues import polled

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--node", type=Path, help="the directory of a node that runs already")
    parser.add_argument("--database", default="", help="the address of an empty database of PostgreSQL")
    options = parser.parse_args()
    with contextlib.nullcontext(RabbitNode(options.node)) if options.node else big_broker.running(options.queues) as node:
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True, database_url=options.database)
        polled(node)
        for row in page_rows(node, options.queues, " on PostgreSQL" if options.database else ""):
            emit(row)


if __name__ == "__main__":
    main()
