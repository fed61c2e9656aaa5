"""Workflows that a real worker runs, as they are stored, beside what each task wrote of itself to a file."""

from __future__ import annotations

import importlib
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from celery import chord

from brokers.scope import EVERYTHING
from dashboard.flows.members import tree_of
from dashboard.flows.tree import BY_MESSAGE, Tree
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.stored_tasks import listening
from workers import peek, queries, store
from workers.amqp_connection import Target
from workers.canvas import UNLOCK
from workers.seen_messages import canvases

ENDED = ("SUCCESS", "FAILURE")
STARTED_BY_A_TASK = {"chain": 7, "group": 4, "chord": 6, "nested": 8, "replace": 3, "replace_group": 6, "retry": 5}
"""Each with its tasks, the one that started it and those that wait for the header of a chord among them."""


class Flows(NamedTuple):
    watching: Watching
    app: Any
    log: Path
    roots: dict[str, str]

    def tree(self, root: str) -> Tree:
        return tree_of(root, queries.flow(EVERYTHING, self.watching.broker, self.watching.vhost, root))

    def ended(self, root: str, count: int) -> Tree | None:
        tree = self.tree(root)
        return tree if len(tree.members) == count and all(one.state in ENDED for one in tree.tasks()) else None

    def written(self, root: str) -> dict[str, list[dict[str, Any]]]:
        """What the tasks of a root wrote, one line a try."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in map(json.loads, self.log.read_text().splitlines()):
            if line["root"] == root:
                found[line["uuid"]].append(line)
        return found


@pytest.fixture(scope="module")
def flows(module_workers: Workers, module_watching: Watching, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    """A worker whose results are files, which every process can read and no server keeps; the workflows have begun."""
    results, log = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("log") / "written"
    log.touch()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEST_CELERY_BROKER", module_workers.node.amqp_url(module_workers.vhost))
        environment.setenv("TEST_CELERY_BACKEND", f"file://{results}")
        environment.setenv("TEST_FLOW_LOG", str(log))
        module_workers.start("flow@here", "--pool", "solo", app="flow_app")
        app = importlib.import_module("tests.workers.flow_app")
    listening(module_watching, "flow@here")
    roots = {which: app.start.delay(which).id for which in STARTED_BY_A_TASK}
    last = app.CANVASES["chain"]().apply_async()
    while last.parent is not None:
        last = last.parent
    yield Flows(module_watching, app, log, {**roots, "by a program": last.id})
    app.app.close()


@pytest.mark.parametrize(("which", "count"), [*STARTED_BY_A_TASK.items(), ("by a program", 6)])
def test_the_tree_is_the_one_that_the_tasks_wrote(flows: Flows, which: str, count: int) -> None:
    root = flows.roots[which]
    tree = wait_until(lambda: flows.ended(root, count), 90)
    written = flows.written(root)
    assert tree.members.keys() == written.keys()
    assert (tree.top, tree.missing, tree.looped) == ([root], [], [])
    for uuid, tries in written.items():
        one = tree.members[uuid]
        assert (tree.parents.get(uuid), one.name.rpartition(".")[2]) == (tries[0]["parent"], tries[0]["name"])
        assert [name.rpartition(".")[2] for name in one.others] == [line["name"] for line in tries[1:] if line["name"] != tries[0]["name"]]
    for known in tree.chords:
        assert {written[uuid][0]["body"] for uuid in known.tails} <= {known.body}
    assert len(tree.chords) == sum(tries[0]["name"] == UNLOCK.rpartition(".")[2] for tries in written.values())
    assert [len(known.tails) for known in tree.chords] == {"chord": [3], "retry": [2], "replace_group": [2], "nested": [0, 0]}.get(which, [])


def test_a_chord_that_a_program_sent_is_one_once_its_messages_were_seen(flows: Flows) -> None:
    app, watching = flows.app, flows.watching
    unattended = {"queue": "unattended"}
    result = chord([app.leaf.si().set(**unattended) for _ in range(2)], app.total.s().set(**unattended)).apply_async()
    headers = {one.id for one in result.parent.results}

    wait_until(lambda: all(flows.tree(uuid).members for uuid in headers), 60)
    first = min(headers)
    assert set(flows.tree(first).members) == {first}
    target = Target(watching.node.amqp_url(watching.vhost), watching.vhost)
    seen = canvases(peek.peek([target], "unattended", 10).messages)
    assert {(one.group, one.body) for one in seen} == {(result.parent.id, result.id)}
    store.note_canvas(watching.broker.pk, watching.vhost, seen, datetime.now(UTC))
    tree = flows.tree(first)
    assert set(tree.members) == headers
    assert [(set(known.tails), known.body, known.source) for known in tree.chords] == [(headers, result.id, BY_MESSAGE)]
    assert [(set(group.tasks), group.id) for group in tree.groups] == [(headers, result.parent.id)]
