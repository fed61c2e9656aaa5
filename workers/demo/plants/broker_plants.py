"""Plants of the broker: alarms, bindings, shovels, clients that misbehave."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from workers.demo import shop
from workers.demo.plants.site import Site

USUAL_MARK = "0.4"
HOLD = Path("rabbitmq", "stopped")
"""While this file is there the demo's program that runs the broker keeps it down."""
MOST_CHANNELS = 400
LEAK_SECONDS = 2.0
CHURN_PER_TICK = 2
SHOVEL, SHOVEL_QUEUE = "to-nowhere", "export"
NO_BROKER = "amqp://127.0.0.1:9"  # the port `discard`, on which nothing listens
BINDING = {"queue": "orders.us", "exchange": "shop.orders", "routing_key": "order.*.uk"}


def memory_alarm(site: Site) -> Generator[None]:
    try:
        site.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        while True:
            yield
    finally:
        usual_mark(site)


def broker_stopped(site: Site) -> Generator[None]:
    (site.data / HOLD).touch()
    try:
        while True:
            yield
    finally:
        let_broker_start(site)


def let_broker_start(site: Site) -> None:
    (site.data / HOLD).unlink(missing_ok=True)


def shovel(site: Site) -> Generator[None]:
    definition = {"src-uri": "amqp://", "src-queue": SHOVEL_QUEUE, "dest-uri": NO_BROKER, "dest-queue": SHOVEL_QUEUE, "reconnect-delay": 5}
    with site.connected("demo-plants") as link:
        shop.declare_job_queue(link, SHOVEL_QUEUE)
    try:
        site.ctl("set_parameter", "-p", site.vhost, "shovel", SHOVEL, json.dumps(definition))
        while True:
            yield
    finally:
        remove_shovel(site)


def binding(site: Site) -> Generator[None]:
    with site.connected("demo-plants") as link:
        link.default_channel.queue_bind(**BINDING)
    try:
        while True:
            yield
    finally:
        unbind(site)


def leak(site: Site) -> Generator[None]:
    with site.connected("leaky@web-2") as link:
        channels: list[Any] = []
        opened_at = 0.0
        while True:
            if time.monotonic() - opened_at >= LEAK_SECONDS and len(channels) < MOST_CHANNELS:
                channels.append(link.channel())
                opened_at = time.monotonic()
            yield


def churn(site: Site) -> Generator[None]:
    while True:
        for _ in range(CHURN_PER_TICK):
            with site.connected("hasty@web-2"):
                pass
        yield


def usual_mark(site: Site) -> None:
    site.ctl("set_vm_memory_high_watermark", USUAL_MARK)


def remove_shovel(site: Site) -> None:
    """It is in the node's own database, so it outlives the node."""
    site.ctl("clear_parameter", "-p", site.vhost, "shovel", SHOVEL)
    site.delete(SHOVEL_QUEUE)


def remove_left_shovel(site: Site) -> None:
    """Where its queue is there: rabbitmqctl takes seconds."""
    with site.connected("demo-plants") as link:
        try:
            link.default_channel.queue_declare(SHOVEL_QUEUE, passive=True)
        except link.channel_errors:
            return
    remove_shovel(site)


def remove_old_bindings(site: Site) -> None:
    """Those of demos before: Celery put its default routing key in place of their empty one, so that these queues had two."""
    receipt = {"x-match": "all", "kind": "receipt", "paid": True}
    with site.connected("demo-plants") as link:
        for key in ("", "search"):
            link.default_channel.queue_unbind("mail", "shop.notify", key)
            link.default_channel.queue_unbind("receipts", "shop.documents", key, arguments=receipt)


def unbind(site: Site) -> None:
    with site.connected("demo-plants") as link:
        link.default_channel.queue_unbind(**BINDING)
