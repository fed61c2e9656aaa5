"""What the shop's customers do: messages with a rhythm, over all four types of exchange. Nothing of it is a problem: these are planted (`plants/`).

About 25 messages a second on average, in waves and bursts, so that depths, slots and rates have something to show.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Any

import structlog
from celery import chord
from kombu.connection import Connection

from workers.demo import shop, tasks
from workers.demo.streams import Stream, burst, steady, wave

TICK_SECONDS = 0.1
log = structlog.get_logger("demo.traffic")
orders = itertools.count(88_000)


def order(region: str, currency: str) -> None:
    number = next(orders)
    tasks.capture.apply_async((number,), {"currency": currency}, exchange="shop.orders", routing_key=f"order.paid.{region}")


def mail() -> None:
    """Reaches the queue through two exchanges: shop.orders, then shop.notify."""
    language = random.choice(["de", "en", "fr"])
    tasks.send_mail.apply_async((next(orders), language), exchange="shop.orders", routing_key=f"mail.order.{language}")


def receipt() -> None:
    tasks.write_receipt.apply_async((next(orders),), exchange="shop.documents", routing_key="receipt", headers={"kind": "receipt", "paid": True})


def reminder() -> None:
    """An ETA task; the queue is one of a prefork node's."""
    tasks.remind.apply_async((next(orders),), countdown=random.uniform(15, 60), exchange="shop.orders", routing_key="order.remind.eu")


def report() -> None:
    """A chord of slow parts: the queue backs up, then drains."""
    name = random.choice(["sales", "returns", "stock"])
    chord([tasks.render.s(name, part) for part in range(random.randint(20, 40))])(tasks.bind_report.s(name))


def picture() -> None:
    path = f"p/{random.randint(9000, 9999)}.jpg"
    tasks.make_thumbnail.delay(path, random.choice([200, 640, 1280]))
    if random.random() < 0.3:
        tasks.convert_thumbnail.delay(path)


class Publisher:
    """Messages that are no Celery tasks, over a connection of its own for each virtual host."""

    def __init__(self, amqp_url: str) -> None:
        self._amqp_url = amqp_url
        self._links: dict[str, Connection] = {}

    def publish(self, exchange: str, routing_key: str, body: Any, vhost: str = shop.VHOST, **options: Any) -> None:
        if vhost not in self._links:
            self._links[vhost] = shop.connection(self._amqp_url, vhost, "shop-api@web-1", heartbeat_seconds=0)  # it only writes, and rarely
        producer = self._links[vhost].Producer()
        producer.publish(body, exchange=exchange, routing_key=routing_key, serializer="json", **options)
        producer.close()

    def close(self) -> None:
        for link in self._links.values():
            link.release()
        self._links.clear()

    def newsletter(self) -> None:
        self.publish("shop.documents", "", {"issue": 12}, headers={"kind": "newsletter"})

    def refund(self) -> None:
        """Matches no binding of shop.orders: its alternate exchange takes it."""
        self.publish("shop.orders", f"refund.{random.choice(['eu', 'us'])}", {"order": next(orders)})

    def fax(self) -> None:
        """Is audited, and copied to an exchange without bindings."""
        self.publish("shop.orders", "order.paid.fax", {"order": next(orders)})

    def price(self) -> None:
        self.publish("shop.cache", "", {"sku": f"TEA-{random.randint(1, 99):03}", "price": random.randint(2, 40)})

    def door(self) -> None:
        self.publish("office.events", f"door.{random.choice(['front', 'yard'])}.opened", {"by": "badge"}, vhost="/")


def streams(publisher: Publisher) -> list[Stream]:
    """Everything that happens, and how often."""
    return [
        Stream(lambda: order("eu", "EUR"), wave(1.0, 4.5, 180)),
        Stream(lambda: order("us", "USD"), wave(0.5, 3.5, 300)),
        Stream(mail, wave(1.0, 6.0, 120)),
        Stream(mail, burst(40.0, 240, 4)),
        Stream(receipt, wave(0.5, 2.0, 240)),
        Stream(reminder, steady(0.15)),
        Stream(lambda: tasks.reindex.delay(f"MUG-{random.randint(1, 99):03}"), wave(0.3, 2.0, 90)),
        Stream(lambda: tasks.sync_stock.delay(f"warehouse-{random.choice([1, 2, 3, 3, 3, 7])}"), steady(0.6)),
        Stream(report, burst(1 / 5, 150, 10)),
        Stream(picture, wave(0.5, 2.5, 200)),
        Stream(picture, burst(12.0, 180, 6)),
        Stream(publisher.newsletter, steady(0.3)),
        Stream(publisher.refund, steady(0.05)),
        Stream(publisher.fax, steady(0.05)),
        Stream(publisher.price, wave(0.5, 3.0, 60)),
        Stream(publisher.door, steady(0.05)),
    ]


def wait_for_workers(amqp_url: str, ended: threading.Event, patience_seconds: float = 60.0) -> None:
    """Returns once every queue of the shop has a consumer, so that a healthy demo has none that waits for one, or when the patience ends."""
    deadline = time.monotonic() + patience_seconds
    with shop.connection(amqp_url, shop.VHOST, "shop-api@web-1", heartbeat_seconds=0) as link:
        while time.monotonic() < deadline and not ended.is_set():
            if all(link.default_channel.queue_declare(name, passive=True).consumer_count for name in shop.CELERY_QUEUES):
                return
            ended.wait(0.5)


def run(amqp_url: str, ended: threading.Event) -> None:
    """Sends until `ended` is set. Raises kombu's errors when the broker goes away: the caller waits for it and calls again."""
    wait_for_workers(amqp_url, ended)
    publisher = Publisher(amqp_url)
    everything = streams(publisher)
    log.info("traffic begins")
    before = time.monotonic()
    try:
        while not ended.wait(TICK_SECONDS):
            now = time.monotonic()
            for stream in everything:
                stream.act(now, now - before)
            before = now
    finally:
        publisher.close()
