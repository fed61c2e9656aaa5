"""A task whose sender declares a queue without a type: the default type of the virtual host decides, where the broker reports it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brokers.models import Broker, VirtualHost
from brokers.routing.default_types import declared_default
from brokers.scope import EVERYTHING
from brokers.topology import ExchangeDefinition, QueueDefinition, Topology
from dashboard.why.explanations import LoadedVhost
from dashboard.why.loaded_vhost import load
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import KnownTask, ReportingWorkers, Sent
from dashboard.why.task_explanations import DEFAULT_TYPE_UNKNOWN, explain_live_task
from tests.dashboard.test_last_sent import NOON, Node
from workers.inspection import routing_settings

QUEUES = tuple(QueueDefinition(kind, kind, arguments={"x-queue-type": kind}) for kind in ("classic", "quorum"))
PLACE = LoadedVhost(Topology("/", (ExchangeDefinition("", "direct"),), QUEUES, ()), "4.0.5", {"classic": 1, "quorum": 1}, {})
CONF = {"task_default_queue": "classic"}


def known(queue: str) -> KnownTask:
    """The workers' configuration, and that the last task went there: so that the sender's is known too."""
    nodes = [Node(routing_settings.kept(CONF))]
    return msgspec.structs.replace(ReportingWorkers(nodes).known("shop.pay"), sent=Sent(7, "u-1", NOON, queue, "", queue, []))


def explained(queue: str, default: str, **request: Any) -> TaskExplanation:
    place = msgspec.structs.replace(PLACE, default_type=default)
    return explain_live_task(place, {"task": "shop.pay", "options": {"queue": queue}, "conf": CONF, **request}, known(queue))


@pytest.mark.parametrize(
    ("queue", "default", "error", "certain"),
    [
        ("quorum", "quorum", "", True),
        ("quorum", "classic", "received 'classic' but current is 'quorum'", True),
        ("quorum", "", "received 'classic' but current is 'quorum'", False),
        ("classic", "quorum", "received 'quorum' but current is 'classic'", True),
        ("classic", "classic", "", True),
        ("classic", "", "", True),
    ],
)
def test_an_existing_queue_is_declared_again_or_refused_by_the_default_type(queue: str, default: str, error: str, certain: bool) -> None:
    answer = explained(queue, default)
    assert (answer.celery.error or "").endswith(error) and bool(answer.celery.error) is bool(error)
    assert (answer.certain, DEFAULT_TYPE_UNKNOWN in answer.unknown) == (certain, not certain), answer.unknown


def test_a_type_that_the_sender_names_is_compared_whatever_the_default_is() -> None:
    queues = [{"name": "classic", "queue_arguments": {"x-queue-type": "quorum"}}]
    for default in ("", "quorum", "classic"):
        answer = explained("classic", default, conf={"task_queues": [{"$queue": one} for one in queues]})
        assert (answer.celery.error or "").endswith("received 'quorum' but current is 'classic'")
        assert (answer.certain, answer.unknown) == (True, [])


@pytest.mark.parametrize(("default", "limit"), [("quorum", 20), ("classic", None), ("", None)])
def test_a_queue_that_the_sender_makes_is_of_the_default_type(default: str, limit: int | None) -> None:
    answer = explained("new", default)
    assert answer.broker is not None
    assert [(one.queue, one.delivery_limit) for one in answer.broker.after] == [("new", limit)]


def test_a_priority_queue_cant_be_made_where_the_default_type_is_quorum() -> None:
    conf = {"task_queue_max_priority": 10}
    assert explained("new", "classic", conf=conf).celery.error is None
    assert "invalid arg 'x-max-priority'" in (explained("new", "quorum", conf=conf).celery.error or "")


@pytest.mark.parametrize(
    ("reported", "version", "default"),
    [
        ("quorum", "3.10.8", "quorum"),
        ("classic", "4.0.5", "classic"),
        ("undefined", "3.10.8", "classic"),
        ("undefined", "3.12.14", "classic"),
        ("undefined", "3.13.7", ""),  # the node's configuration file may have a default for all
        ("undefined", "", ""),
        ("", "3.8.2", "classic"),
        ("", "3.10.8", ""),
        ("", "LavinMQ-2.1.0", ""),
        ("", None, ""),
    ],
)
def test_what_is_reported_and_the_version_decide_what_is_known(reported: str, version: str | None, default: str) -> None:
    assert declared_default(reported, version) == default


@pytest.mark.django_db
def test_it_is_loaded_with_the_virtual_host() -> None:
    broker = Broker.objects.create(name="prod", version="4.0.5", polled_at=NOON, state="up")
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=NOON, default_queue_type="quorum")
    assert [load(EVERYTHING, broker, vhost, NOON).default_type for vhost in ("/", "elsewhere")] == ["quorum", ""]
