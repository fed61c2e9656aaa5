"""What the shop's workers do: they wait as long as real work would take, and sometimes fail as real work does."""

from __future__ import annotations

import random
import time
from typing import Any

from celery import Task
from celery.exceptions import Reject

from workers.demo.app import app
from workers.demo.plants import protocol


class PaymentDeclined(Exception):
    """The bank declined the payment."""


class WarehouseBusy(Exception):
    """The warehouse did not answer in time."""


@app.task(name="orders.capture")
def capture(order: int, currency: str = "EUR") -> None:
    """Takes the money of an order; one in thirty is declined, and at once each one in a currency that is no longer valid."""
    if currency == "DM":
        charge(order, currency)
    time.sleep(random.uniform(0.1, 0.8))
    if random.random() < 0.03:
        charge(order, currency)


def charge(order: int, currency: str) -> None:
    try:
        raise TimeoutError("no answer from the bank after 0.8 s")
    except TimeoutError as error:
        raise PaymentDeclined(f"order {order}: card refused in {currency}") from error


@app.task(name="orders.remind")
def remind(order: int) -> None:
    """Runs later than it was sent: an ETA task."""
    time.sleep(0.05)


@app.task(name="mail.send")
def send_mail(order: int, language: str) -> None:
    time.sleep(random.uniform(0.2, 0.9))
    if random.random() < 0.01:
        raise ConnectionRefusedError(f"mail server for {language} refuses order {order}")


@app.task(name="receipts.write", serializer="json")
def write_receipt(order: int) -> None:
    time.sleep(random.uniform(0.1, 0.3))


@app.task(name="search.reindex")
def reindex(sku: str) -> None:
    time.sleep(random.uniform(0.05, 0.4))


@app.task(name="stock.sync", bind=True, max_retries=3, acks_late=True)
def sync_stock(self: Task, warehouse: str) -> None:
    """Retries when the warehouse is busy; number 13 does not exist, and its tasks are rejected and dead-lettered."""
    time.sleep(random.uniform(0.1, 0.5))
    if warehouse == "warehouse-13":
        raise Reject(f"{warehouse} does not exist", requeue=False)
    if random.random() < 0.3:
        raise self.retry(exc=WarehouseBusy(f"{warehouse} did not answer"), countdown=random.uniform(1, 4))


@app.task(name="stock.count")
def count_stock(warehouse: str) -> None:
    time.sleep(0.3)


@app.task(name="returns.refund")
def refund(order: int) -> None:
    """Its queue is there only while it is planted, and no worker consumes it."""
    time.sleep(0.1)


@app.task(name="reports.lock")
def lock_report() -> None:
    """Waits for a lock that nobody releases, while that is planted."""
    while protocol.of_environment().flag("lock") is not None:
        time.sleep(0.5)


@app.task(name="reports.render", ignore_result=False)
def render(name: str, part: int) -> int:
    """A slow part of a report; how many rows it has."""
    time.sleep(random.uniform(1.0, 2.5))
    return part * 100


@app.task(name="reports.bind")
def bind_report(rows: list[int], name: str) -> None:
    """The body of the chord: runs once all parts are rendered."""
    time.sleep(0.5)


@app.task(name="thumbnails.make")
def make_thumbnail(path: str, width: int) -> None:
    time.sleep(random.uniform(0.4, 1.6))


@app.task(name="thumbnails.convert")
def convert_thumbnail(path: str, **_: Any) -> None:
    time.sleep(random.uniform(0.2, 0.6))


@app.task(name="search.refresh")
def refresh_search() -> None:
    """This and those below are sent by beat, as `beat_schedule` of the app has them."""
    time.sleep(0.1)


@app.task(name="stock.compare")
def compare_stock(warehouse: str) -> None:
    time.sleep(0.2)


@app.task(name="reports.daily")
def report_of_the_day() -> None:
    time.sleep(0.5)


@app.task(name="orders.archive")
def archive_orders() -> None:
    time.sleep(0.5)
