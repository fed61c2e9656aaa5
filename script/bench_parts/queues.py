"""A broker with 10,000 queues: what its polls cost, how long pages take, and how soon a changed depth is in the browser's cell.

`.venv/bin/python -m script.bench_parts.queues [--queues 10000]`. Starts a RabbitMQ node and a web process of its own. The peer is RabbitMQ's own page.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from script.bench_parts import big_broker, cells, poll_costs
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, emit, percentile
from script.rabbitmq_node import RabbitNode

PEER_READS, PAGE_READS = 4, 25
FIRST_ANSWER_SECONDS = 90  # of a node that has just made all these queues
GOAL_PAGE_MS = 60


def polled(node: RabbitNode) -> int:
    """The broker's row, after everything of the broker was read and stored."""
    from brokers import store
    from brokers.addresses import BrokerAddress
    from brokers.management.management_api import Limits
    from brokers.polling.poll_loop import PollLoop

    address = BrokerAddress("bench", (node.management_url,), node.user, node.password)
    broker = store.ensure_brokers([address], datetime.now(UTC))["bench"].pk
    limits = Limits(read_seconds=FIRST_ANSWER_SECONDS, total_seconds=FIRST_ANSWER_SECONDS)
    loop = PollLoop(address, broker, "bench", 5, limits=limits)
    loop.run_round()
    loop.inventory.run_round()
    loop.stop()
    return broker


def page_rows(node: RabbitNode, queues: int) -> Iterator[Row]:
    """Pages as Django makes them, without the network."""
    from django.test import Client
    from django.utils import timezone

    from brokers.models import Broker, Exchange, Queue
    from dashboard.models import User

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
        "an exchange with all bindings": f"/exchanges/{exchange.pk}/",
        "why": explanation,
    }
    peer_ms = percentile([_timed(lambda: node.api("GET", f"{big_broker.PAGE}&sort=messages&sort_reverse=true")) for _ in range(PEER_READS)], 50)
    for name, address in pages.items():
        answer = person.get(address)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}")
        busy = time.process_time()
        worst = percentile([_timed(lambda address=address: person.get(address)) for _ in range(PAGE_READS)], 95)
        spent = (time.process_time() - busy) * 1000 / PAGE_READS
        peer = f"RabbitMQ’s list by depth: {peer_ms:,.0f} ms" if name == "queues, by depth" else ""
        times = peer_ms / worst if peer else None
        yield Row(
            f"server time of a page, {queues:,} queues, 95 %: {name}",
            f"{worst:.0f} ms (CPU {spent:.0f})",
            peer,
            times,
            f"≤ {GOAL_PAGE_MS} ms",
            worst <= GOAL_PAGE_MS,
        )


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def session() -> str:
    """The cookie of somebody who is logged in."""
    from django.conf import settings
    from django.test import Client

    from dashboard.models import User

    person = Client()
    person.force_login(User.objects.get(username="bench"))
    return person.cookies[settings.SESSION_COOKIE_NAME].value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    queues = parser.parse_args().queues
    with big_broker.running(queues) as node:
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        emit(*poll_costs.rows(node, queues))
        broker = polled(node)
        emit(*page_rows(node, queues))
        emit(cells.row(node, broker, session(), queues))


if __name__ == "__main__":
    main()
