"""A broker with 10,000 queues: what its polls cost, how long pages take, and how soon a changed depth is in the browser's cell.

`.venv/bin/python -m script.bench_parts.queues [--queues 10000]`. Starts a RabbitMQ node and a web process of its own. The peer is RabbitMQ's own page.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from script.bench_parts import big_broker
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, emit, percentile
from script.rabbitmq_node import RabbitNode

POLLS, PEER_READS, PAGE_READS, ROUNDS = 24, 4, 25, 30
FIRST_ANSWER_SECONDS = 90  # of a node that has just made all these queues
GOAL_CPU_SECONDS, GOAL_PAGE_MS, GOAL_CELL_MS = 0.12, 60, 250


class Polled:
    """The broker as our poller reads it, and where that is stored."""

    def __init__(self, node: RabbitNode) -> None:
        from brokers import store
        from brokers.addresses import BrokerAddress
        from brokers.management.management_api import Limits, ManagementApi
        from brokers.polling.poll_memory import PollMemory

        address = BrokerAddress("bench", (node.management_url,), node.user, node.password)
        now = datetime.now(UTC)
        self.broker = store.ensure_brokers([address], now)["bench"].pk
        self._api, self._memory, self._stored = ManagementApi(address, None, Limits(total_seconds=FIRST_ANSWER_SECONDS)), PollMemory(), store.BrokerMemory(5)

    def poll_at(self, at: datetime) -> Any:
        from brokers.polling.poller import poll_once

        return poll_once(self._api, at, self._memory)

    def save(self, poll: Any) -> None:
        from brokers import store

        store.save_whole_poll(self.broker, poll, datetime.now(UTC), self._stored, lambda: True)


def poll_rows(node: RabbitNode, polled: Polled, queues: int) -> Iterator[Row]:
    """Two minutes of polls, one after the other, against RabbitMQ's page of 100, refreshed by one viewer."""
    moments = iter([datetime.now(UTC) + timedelta(seconds=5 * number) for number in range(POLLS + 1)])
    polled.save(polled.poll_at(next(moments)))  # the first reads everything
    cost = big_broker.Cost(node)
    cpu, took = cost.of(lambda: polled.poll_at(next(moments)), POLLS)
    peer_cpu, peer_took = cost.of(lambda: node.api("GET", big_broker.PAGE), PEER_READS)
    sorted_cpu, sorted_took = cost.of(lambda: node.api("GET", f"{big_broker.PAGE}&sort=messages&sort_reverse=true"), PEER_READS)
    what = f"{queues:,} queues"
    peer = f"RabbitMQ’s page, a refresh and viewer: {peer_cpu:.2f} s, sorted by depth {sorted_cpu:.2f} s"
    yield Row(f"{what}: broker CPU a poll of everything, any number of viewers", f"{cpu:.3f} s", peer, sorted_cpu / max(cpu, 0.001),
              f"≤ {GOAL_CPU_SECONDS} s", cpu <= GOAL_CPU_SECONDS)  # fmt: skip
    peer = f"RabbitMQ’s page: {percentile(peer_took, 50):.0f} ms, sorted {percentile(sorted_took, 50):,.0f} ms"
    yield Row(f"{what}: a poll takes", f"{percentile(took, 50):.0f} ms (95 %: {percentile(took, 95):.0f})", peer)


def page_rows(node: RabbitNode, polled: Polled, queues: int) -> Iterator[Row]:
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


def cell_row(polled: Polled, queues: int) -> Row:
    """A depth changed in the broker's answer, until the frame with it is at a web socket; requesting, reading and storing 10,000 queues included."""
    from django.conf import settings
    from django.test import Client

    from brokers.models import Queue
    from dashboard.models import User
    from script.bench_parts.web import frames_of, running_web

    person = Client()
    person.force_login(User.objects.get(username="bench"))
    watched = Queue.objects.order_by("pk")[3]
    topic, key = f"queues/{polled.broker}/%2F", f"queue-{watched.pk}"

    async def rounds(port: int) -> list[float]:
        took = []
        async with frames_of(port, person.cookies[settings.SESSION_COOKIE_NAME].value, topic, key) as next_depth:
            await next_depth()
            for number in range(ROUNDS):
                began = time.perf_counter()
                await asyncio.to_thread(_save_changed, polled, watched.name, number + 1)
                while await next_depth() != number + 1:
                    pass
                took.append((time.perf_counter() - began) * 1000)
        return took

    with running_web() as port:
        took = asyncio.run(rounds(port))
    worst = percentile(took, 99)
    what = f"from the request to the broker to the browser’s cell, {queues:,} queues, 99 %"
    shown = f"{worst:.0f} ms (half: {percentile(took, 50):.0f})"
    return Row(what, shown, "RabbitMQ’s page refreshes every 5 s", None, f"≤ {GOAL_CELL_MS} ms", worst <= GOAL_CELL_MS)


def _save_changed(polled: Polled, name: str, depth: int) -> None:
    poll = polled.poll_at(datetime.now(UTC) + timedelta(minutes=10))
    found = poll.stats.queues[("/", name)]
    found.ready, found.unacknowledged = depth, 0
    polled.save(poll)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    queues = parser.parse_args().queues
    with big_broker.running(queues) as node:
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        polled = Polled(node)
        for rows in (poll_rows(node, polled, queues), page_rows(node, polled, queues)):
            for row in rows:
                emit(row)
        emit(cell_row(polled, queues))


if __name__ == "__main__":
    main()
