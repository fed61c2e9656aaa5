"""A queue is called lost only where the broker's list proves it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.lost_consumers import lost_queues
from tests.brokers.facts import NOON
from workers.models import Worker

CONTROL = {("/", "a@web-1.celery.pidbox"): [Consuming(1, "a@web-1", True, "", None)]}


UP: dict[str, Any] = {"name": "prod", "state": Broker.UP, "polled_at": NOON, "poll_seconds": 5}


def worker(broker: dict[str, Any] | None = None, **known: Any) -> Worker:
    return Worker(
        **{"pk": 1, "broker": Broker(**UP | (broker or {})), "vhost": "/", "hostname": "a@web-1", "state": Worker.ONLINE, "queues": [{"name": "mail"}], **known}
    )


def by(hostname: str | None, exact: bool = True) -> Consuming:
    return Consuming(None, hostname, exact, "", None)


@pytest.mark.parametrize(
    ("consuming", "lost"),
    [
        ({}, {}),  # the list was taken before the worker was there, or may not be seen
        ({("/", "mail"): []}, {}),
        (CONTROL, {"mail": "a@web-1 reports to consume mail, but the broker shows no consumer of it"}),
        (CONTROL | {("/", "mail"): [by("a@web-1")]}, {}),
        (CONTROL | {("/", "mail"): [by("b@web-2")]}, {"mail": "a@web-1 reports to consume mail, but the broker shows only b@web-2"}),
        (CONTROL | {("/", "mail"): [by("b@web-2"), by(None, exact=False)]}, {}),  # the unknown one may be it
        (CONTROL | {("/", "mail"): [by("b@web-2", exact=False)]}, {}),
        (CONTROL | {("other", "mail"): [by("a@web-1")]}, {"mail": "a@web-1 reports to consume mail, but the broker shows no consumer of it"}),
    ],
)
def test_a_queue_is_lost_where_the_broker_proves_it(consuming: dict[tuple[str, str], list[Consuming]], lost: dict[str, str]) -> None:
    assert lost_queues(worker(), consuming, NOON) == lost


def test_a_worker_that_is_gone_or_never_named_its_queues_has_lost_none() -> None:
    assert lost_queues(worker(state=Worker.GONE), CONTROL, NOON) == {}
    assert lost_queues(worker(queues=None), CONTROL, NOON) == {}


@pytest.mark.parametrize(
    ("broker", "known"),
    [
        ({}, True),
        ({"state": Broker.UNREACHABLE}, False),
        ({"state": Broker.REFUSED}, False),
        ({"polled_at": NOON - timedelta(minutes=5)}, False),
        ({"limits": [{"part": "consumers", "what": "consumers", "why": "no answer"}]}, False),
        ({"limits": [{"part": "nodes", "what": "nodes", "why": "no answer"}, {"part": "", "what": "policies"}]}, True),
    ],
)
def test_nothing_is_called_lost_by_an_old_list_of_consumers(broker: dict[str, Any], known: bool) -> None:
    assert bool(lost_queues(worker(broker), CONTROL, NOON)) is known
