"""Celery configurations as people have them, as a worker with that configuration reports it: what was really sent is never contradicted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from celery import Celery
from celery.utils.saferepr import saferepr
from celery.utils.serialization import jsonify
from celery.worker.control import _wanted_config_key

from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.why.explanations import LoadedVhost
from dashboard.why.story.task import task_headline
from dashboard.why.task_configuration import ReportingWorkers, Sent
from dashboard.why.task_explanations import explain_live_task
from tests.workers.routing.conftest import CASES
from tests.workers.routing.encoding import loaded
from workers.inspection import routing_settings

FIELD = CASES / "field"
EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((FIELD / "celery_expect.json").read_text())
SENT = [(name, case) for name, cases in EXPECTED.items() for case in cases if "error" not in case["expect"]]
OTHER_UUID = "0d1f6f5c-7a3b-4c39-9e5d-0a1b2c3d4e5f"


class Node(msgspec.Struct):
    """A worker that answers `inspect conf`, `registered` and `active_queues`; None where remote control is off."""

    configuration: Any
    registered: Any
    queues: Any
    hostname: str = "a@web-1"
    configuration_at: datetime | None = datetime(2026, 11, 23, 12, tzinfo=UTC)
    id: int = 1


def application(name: str) -> Celery:
    app = Celery("field", set_as_current=False)
    app.config_from_object(loaded(FIELD / f"{name}.py"))
    return app


def node_of(app: Celery, task: str) -> Node:
    if app.conf.worker_enable_remote_control is False:
        return Node(None, None, None)
    queues = [{"name": queue.name, "declared": routing_settings.kept_queue(jsonify(queue))} for queue in app.amqp.queues.values()]
    return Node(node_conf(app), [{"name": task, "attributes": {}}], queues)


def place_of(app: Celery, *more: str) -> LoadedVhost:
    """The virtual host once its workers run and the sender has declared."""
    exchanges, queues, bindings = {("", "direct")}, {}, []
    for queue in [*app.amqp.queues.values(), *(app.amqp.queues[name] for name in more)]:
        arguments = queue.queue_arguments or {}
        queues[queue.name] = QueueDefinition(queue.name, arguments.get("x-queue-type", "classic"), auto_delete=queue.auto_delete, arguments=arguments)
        own = [] if queue.exchange is None else [(queue.exchange, queue.routing_key)]
        for exchange, key in [*own, *((one.exchange, one.routing_key) for one in queue.bindings)]:
            if exchange.name:
                exchanges.add((exchange.name, exchange.type))
                bindings.append(BindingDefinition(exchange.name, queue.name, "queue", key or ""))
    found = tuple(ExchangeDefinition(name, kind) for name, kind in sorted(exchanges))
    return LoadedVhost(Topology("/", found, tuple(queues.values()), tuple(bindings)), "4.0.5", dict.fromkeys(queues, 1), {})


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(("name", "case"), SENT, ids=[f"{name} {case['task']} {case['options']}" for name, case in SENT])
def test_the_headline_does_not_contradict_what_was_sent(name: str, case: dict[str, Any], is_known: bool) -> None:
    app, wanted = application(name), case["expect"]
    declared = [one.partition(" ")[2] for one in wanted["declare"]]
    queue = declared[0] if declared else f"bcast.{OTHER_UUID}"  # a sender of a broadcast makes up a name of its own
    place = place_of(app, *declared)
    sent = Sent(7, "u-1", datetime(2026, 11, 23, 12, tzinfo=UTC), queue, wanted["exchange"], wanted["routing_key"], [])
    known = msgspec.structs.replace(ReportingWorkers([node_of(app, case["task"])] if is_known else []).known(case["task"]), sent=sent)
    answer = explain_live_task(place, {"task": case["task"], "options": case["options"]}, known)
    headline = "".join(span.text for span in task_headline(answer, case["task"])[1])
    if answer.decided_by == "assumption":  # the call decides, in a way that the last one did not
        assert headline.startswith(f"Where {case['task']} goes is unknown")
        return
    assert answer.celery.error is None
    assert (answer.celery.exchange, answer.celery.routing_key) == (wanted["exchange"], wanted["routing_key"] or "")
    assert headline.startswith(f"{case['task']} goes to queue")
    assert not any("would fail" in sentence for sentence in answer.unknown)


def test_a_configuration_on_which_celery_fails_is_its_error() -> None:
    app = application("c12_queues_put_into_routes")
    node = msgspec.structs.replace(node_of(application("c10_own_serializer"), "t"), configuration=node_conf(app))
    answer = explain_live_task(LoadedVhost(Topology("/"), "4.0.5", {}, {}), {"task": "t"}, ReportingWorkers([node]).known("t"))
    assert answer.celery.error == EXPECTED["c12_queues_put_into_routes"][0]["expect"]["error"]


def node_conf(app: Celery) -> Any:
    return routing_settings.kept(jsonify(app.conf.table(with_defaults=False), keyfilter=_wanted_config_key, unknown_type_filter=saferepr))
