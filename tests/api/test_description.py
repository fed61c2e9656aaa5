"""The description at openapi.json: each schema has a name of its own, and the answers of calls about things that exist follow it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from ninja import Schema

from brokers.models import Change, VirtualHost
from brokers.store import SnapshotWriter, save_topology
from dashboard import store
from dashboard.models import Mark
from tests.api.conftest import World, described
from tests.brokers.facts import a_topology
from tests.findings.stored import finding
from workers.models import Task
from workers.store import count_failures
from workers.store.task_statistics import save_counted
from workers.task_statistics import MINUTE, Key, nothing, period

SCHEMA = described()
QUERIES = {
    "/api/v1/task": {"uuid": "a"},
    "/api/v1/flow": {"broker": "prod", "vhost": "/", "root": "a"},
    "/api/v1/history": {"broker": "prod", "vhost": "/", "queue": "mail", "metric": "depth"},
    "/api/v1/snapshots": {"broker": "prod", "at": "-0s"},
    "/api/v1/compare": {"broker": "prod", "vhost": "/", "at": "-0s"},
    "/api/v1/definitions": {"broker": "prod", "vhost": "/"},
    "/api/v1/routing/reach": {"broker": "prod", "vhost": "/", "queue": "mail"},
}
OF_QUEUE, OF_EXCHANGE = {"broker": "prod", "vhost": "/", "name": "mail"}, {"broker": "prod", "vhost": "/", "name": "orders"}
GETS = sorted(path for path, methods in SCHEMA["paths"].items() if "get" in methods)


def schemas(of: type[Schema] = Schema) -> Iterator[type[Schema]]:
    for each in of.__subclasses__():
        yield each
        yield from schemas(each)


def test_no_two_schemas_share_a_name() -> None:
    named = Counter(each.__name__ for each in set(schemas()) if each.__module__.startswith("dashboard."))
    assert len(named) > 30
    assert [name for name, count in named.items() if count > 1] == []


@pytest.mark.parametrize("path", GETS)
def test_what_a_call_answers_is_what_is_described(call: Any, world: World, path: str) -> None:
    for uuid, known in (("a", {"name": "mail.send", "parent_id": "r"}), ("b", {"parent_id": "a", "state": "FAILURE", "exception": "ValueError()"})):
        Task.objects.create(broker=world.broker, vhost="/", uuid=uuid, first_seen_at=world.now, changed_at=world.now, **{"state": "SUCCESS", **known})
    VirtualHost.objects.create(broker=world.broker, name="/", first_seen_at=world.now)
    SnapshotWriter(world.broker.pk, "queues", interval_seconds=3600).write({}, world.now)
    save_topology(world.broker.pk, {"/": a_topology(("orders", "new", "mail"))}, None, None, None, world.now)
    finding(world.broker, world.now)
    count_failures(world.now)
    save_counted(world.broker.pk, "/", {Key(period(world.now.timestamp(), MINUTE), "mail.send", "mail"): nothing()})
    store.audit(None, "log in", store.FAILED, world.now, user_name="eve")
    Change.objects.create(broker=world.broker, at=world.now, kind="queue", what="added", name="mail", text="Queue mail added", after={"type": "classic"})
    Mark.objects.create(at=world.now, title="deployed", made_by="eve", made_at=world.now)
    store.begin_experiment(world.user, "prod", "1f2e", "topics", {}, world.now)
    batch = store.begin_run_again(world.user, "prod", "/", "", 1.0, [(None, "a", "new", "mail.send")], world.now)
    single = {"id": batch.pk} if path.endswith("/run-again") else OF_EXCHANGE if path.endswith("/exchange") else OF_QUEUE if path.endswith("/queue") else {}
    status, answer = call(path.removeprefix("/api/v1/"), **QUERIES.get(path, single))
    assert status == 200, answer
    described = SCHEMA["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema_rs.validator_for({**described, "components": SCHEMA["components"]}).validate(answer)
    assert "items" not in answer or answer["items"]
