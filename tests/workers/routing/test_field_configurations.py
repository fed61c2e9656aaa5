"""Celery configurations as people have them: each task goes where Celery 5.7 itself sends it, from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.why.explain_lines_celery import answer_line
from tests.workers.routing.conftest import CASES
from tests.workers.routing.encoding import configuration

FIELD = CASES / "field"
EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((FIELD / "celery_expect.json").read_text())
ALL = [(name, case) for name, cases in EXPECTED.items() for case in cases]


@pytest.mark.parametrize(("name", "case"), ALL, ids=[f"{name} {case['task']} {case['options']}" for name, case in ALL])
def test_the_task_goes_where_celery_sends_it(name: str, case: dict[str, Any]) -> None:
    conf = configuration(FIELD / f"{name}.py")
    question = {"conf": conf, "task": {"name": case["task"]}, "options": case["options"], "predeclare": {"exchanges": by_workers(conf)}}
    found, wanted = answer_line(json.dumps(question).encode()), case["expect"]
    assert found["certain"]
    if "error" in wanted:
        assert found["error"] == wanted["error"]
        return
    assert (found["error"], found["exchange"], found["routing_key"]) == (None, wanted["exchange"], wanted["routing_key"] or "")


def by_workers(conf: dict[str, Any]) -> list[dict[str, Any]]:
    """The exchanges of broadcast queues, which only workers declare."""
    names = [queue["$broadcast"]["name"] for queue in conf.get("task_queues", []) if "$broadcast" in queue]
    return [{"name": name, "type": "fanout"} for name in names]
