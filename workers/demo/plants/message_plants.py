"""Plants that are messages: too many, too few takers, to nowhere, failing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator

from kombu.connection import Connection

from workers.demo import shop
from workers.demo.plants.site import CANCELLED, Site
from workers.demo.streams import Stream, steady

DRAIN_SECONDS, LAST_TASK_SECONDS = 60, 2.0
HELD_QUEUE, UNSERVED_QUEUE = "accounting.export", "returns"


def no_consumer(site: Site) -> Generator[None]:
    site.files.set_flag(CANCELLED)
    try:
        while True:
            yield
    finally:
        site.files.clear_flag(CANCELLED)


def growing(site: Site) -> Generator[None]:
    from workers.demo import tasks

    try:
        yield from _stream(lambda: tasks.count_stock.delay("warehouse-1"), 10)
    finally:
        empty_stock(site)


def dead_letters(site: Site) -> Generator[None]:
    from workers.demo import tasks

    try:
        yield from _stream(lambda: tasks.sync_stock.delay("warehouse-13"), 1)
    finally:
        empty_dead_letters(site)


def failing_task(site: Site) -> Generator[None]:
    from workers.demo import tasks

    orders = itertools.count(70_000)
    send = lambda: tasks.capture.apply_async((next(orders),), {"currency": "DM"}, exchange="shop.orders", routing_key="order.paid.eu")  # noqa: E731
    yield from _stream(send, 4)


def unroutable(site: Site) -> Generator[None]:
    with site.connected("shop-api@web-2") as link:
        yield from _stream(lambda: _publish(link, "shop.jobs", "thumbnials"), 2)


def no_node(site: Site) -> Generator[None]:
    from workers.demo import tasks

    with site.connected("demo-plants") as link:
        shop.declare_job_queue(link, UNSERVED_QUEUE)
    try:
        yield from _stream(lambda: tasks.refund.apply_async((12,), exchange="shop.jobs", routing_key=UNSERVED_QUEUE), 0.5)
    finally:
        delete_unserved(site)


def held(site: Site) -> Generator[None]:
    """Its channel takes messages and acknowledges none; once the broker closes it for that, another one does."""
    try:
        with site.connected("accounting@batch-3") as link:
            shop.declare_job_queue(link, HELD_QUEUE)
            _take_and_keep(link)
            for _ in range(3):
                _publish(link, "shop.jobs", HELD_QUEUE)
            while True:
                try:
                    link.drain_events(timeout=0.05)
                except TimeoutError:
                    pass
                except link.channel_errors:  # the broker closed it, since nothing was acknowledged in time
                    _take_and_keep(link)
                yield
    finally:
        delete_held(site)


def _take_and_keep(link: Connection) -> None:
    channel = link.channel()
    channel.basic_qos(0, 10, False)
    channel.basic_consume(HELD_QUEUE, no_ack=False, consumer_tag="export", callback=lambda message: None)


def empty_stock(site: Site) -> None:
    site.purge("stock.sync")


def empty_dead_letters(site: Site) -> None:
    """Once the last task was rejected: it would be the next dead letter."""
    site.wait_until(lambda: site.depth("stock.sync") == 0, DRAIN_SECONDS, f"stock.sync was not empty after {DRAIN_SECONDS} s.")
    time.sleep(LAST_TASK_SECONDS)
    purge_dead_letters(site)


def purge_dead_letters(site: Site) -> None:
    site.purge("mail.dead")


def delete_unserved(site: Site) -> None:
    site.delete(UNSERVED_QUEUE)


def delete_held(site: Site) -> None:
    site.delete(HELD_QUEUE)


def _publish(link: Connection, exchange: str, routing_key: str) -> None:
    producer = link.Producer()
    producer.publish({"planted": True}, exchange=exchange, routing_key=routing_key, serializer="json")
    producer.close()


def _stream(send: Callable[[], object], per_second: float) -> Generator[None]:
    """Sends the first at once, and then steadily."""
    send()
    stream, before = Stream(send, steady(per_second)), time.monotonic()
    while True:
        yield
        now = time.monotonic()
        stream.act(now, now - before)
        before = now
