"""A queue is called lost only where the broker's list proves it."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.lost_consumers import lost_queues
from workers.models import Worker

CONTROL = {("/", "a@web-1.celery.pidbox"): [Consuming(1, "a@web-1", True, "", None)]}


def worker(**known: Any) -> Worker:
    return Worker(**{"pk": 1, "vhost": "/", "hostname": "a@web-1", "state": Worker.ONLINE, "queues": [{"name": "mail"}], **known})


def by(hostname: str | None, exact: bool = True) -> Consuming:
    return Consuming(None, hostname, exact, "", None)


@pytest.mark.parametrize(
    ("consuming", "lost"),
    [
        ({}, {}),  # the list was taken before the worker was there, or may not be seen
        ({("/", "mail"): []}, {}),
        (CONTROL, {"mail": "a@web-1 says it consumes mail; the broker shows no consumer of it"}),
        (CONTROL | {("/", "mail"): [by("a@web-1")]}, {}),
        (CONTROL | {("/", "mail"): [by("b@web-2")]}, {"mail": "a@web-1 says it consumes mail; the broker shows only b@web-2"}),
        (CONTROL | {("/", "mail"): [by("b@web-2"), by(None, exact=False)]}, {}),  # the unknown one may be it
        (CONTROL | {("/", "mail"): [by("b@web-2", exact=False)]}, {}),
        (CONTROL | {("other", "mail"): [by("a@web-1")]}, {"mail": "a@web-1 says it consumes mail; the broker shows no consumer of it"}),
    ],
)
def test_a_queue_is_lost_where_the_broker_proves_it(consuming: dict[tuple[str, str], list[Consuming]], lost: dict[str, str]) -> None:
    assert lost_queues(worker(), consuming) == lost


def test_a_worker_that_is_gone_or_never_named_its_queues_has_lost_none() -> None:
    assert lost_queues(worker(state=Worker.GONE), CONTROL) == {}
    assert lost_queues(worker(queues=None), CONTROL) == {}
