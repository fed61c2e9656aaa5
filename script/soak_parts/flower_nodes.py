"""Flower's API and our orders on two equal worker nodes: after each scenario of Flower's own tests of control, both nodes are in the same state.

The scenarios are those of Flower's tests/unit/api/test_control.py, which check the call that Flower makes; here what comes of it is compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from script.rabbitmq_machine import free_ports
from script.rabbitmq_node import RabbitNode
from script.soak_parts.controlled import APP, HOLD, NOTE, Controlled, until, words
from script.soak_parts.guard import guarded
from script.soak_parts.stack import ROOT

START_SECONDS, SETTLED_SECONDS, ENDED_SECONDS = 120, 30, 60
MOST_SECONDS = 900
"""After which no further scenario begins."""


class Flower:
    """On a free port, for the virtual host of a node; its API needs no login."""

    def __init__(self, python: str, beside: Controlled) -> None:
        self.port = free_ports({})["management"]
        environment = {**os.environ, "CONTROLLED_BROKER": beside.node.amqp_url(beside.vhost), "FLOWER_UNAUTHENTICATED_API": "true", "PYTHONPATH": str(ROOT)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        command = [python, "-m", "celery", "-A", APP, "flower", "--address=127.0.0.1", f"--port={self.port}"]
        self.log = beside.directory / "flower.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self._guard = guarded(self._process)

    def knows(self, *nodes: Controlled) -> bool:
        return bool(until(lambda: {node.hostname for node in nodes} <= set(self._call("GET", "workers?refresh=true")[1] or ()), START_SECONDS))

    def post(self, path: str, **parameters: Any) -> int:
        """The status of the answer."""
        return self._call("POST", f"{path}?{urlencode(parameters)}")[0]

    def _call(self, method: str, path: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/{path}", data=b"" if method == "POST" else None, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError:
            return 0, None

    def end(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._guard.communicate()  # with its standard input at an end it kills what is left of the group
        self._process.wait()


def state(node: Controlled) -> dict[str, Any]:
    """What the node lists of itself, without what is its own: its name and process ids."""
    stats = node.inspected("stats")
    pool = stats["pool"]
    return {
        "slots": pool.get("max-concurrency"),
        "processes": len(pool.get("processes") or ()),
        "range": {key: (stats.get("autoscaler") or {}).get(key) for key in ("max", "min")},
        "queues": sorted(queue["name"] for queue in node.inspected("active_queues") if queue["name"] != node.queue),
        "tasks": sorted(node.inspected("registered")),
        "revoked": sorted(node.app.control.inspect(destination=[node.hostname], timeout=60, limit=1).revoked()[node.hostname]),
    }


Ours = Callable[[Controlled], Any]
Theirs = Callable[[Flower, Controlled], int]
_UUID = str(uuid4())


def _path(node: Controlled, what: str) -> str:
    return f"worker/{what}/{quote(node.hostname)}"


SCENARIOS: dict[str, tuple[Ours, Theirs]] = {
    "pool grow by one": (lambda node: node.order("pool_grow", n=1), lambda flower, node: flower.post(_path(node, "pool/grow"))),
    "pool grow by three": (lambda node: node.order("pool_grow", n=3), lambda flower, node: flower.post(_path(node, "pool/grow"), n=3)),
    "pool shrink by one": (lambda node: node.order("pool_shrink", n=1), lambda flower, node: flower.post(_path(node, "pool/shrink"))),
    "pool shrink by two": (lambda node: node.order("pool_shrink", n=2), lambda flower, node: flower.post(_path(node, "pool/shrink"), n=2)),
    "pool autoscale": (lambda node: node.order("autoscale", max=5, min=2), lambda flower, node: flower.post(_path(node, "pool/autoscale"), min=2, max=5)),
    "pool restart": (lambda node: node.order("pool_restart"), lambda flower, node: flower.post(_path(node, "pool/restart"))),
    "add consumer": (lambda node: node.order("add_consumer", queue="foo"), lambda flower, node: flower.post(_path(node, "queue/add-consumer"), queue="foo")),
    "cancel consumer": (
        lambda node: node.order("cancel_consumer", queue="foo"),
        lambda flower, node: flower.post(_path(node, "queue/cancel-consumer"), queue="foo"),
    ),
    "rate limit": (
        lambda node: node.order("rate_limit", task=NOTE, rate="19"),
        lambda flower, node: flower.post(f"task/rate-limit/{NOTE}", workername=node.hostname, ratelimit=19),
    ),
    "rate limit a minute": (
        lambda node: node.order("rate_limit", task=NOTE, rate="11/m"),
        lambda flower, node: flower.post(f"task/rate-limit/{NOTE}", workername=node.hostname, ratelimit="11/m"),
    ),
    "rate limit of an unknown task": (
        lambda node: node.order("rate_limit", task="foo.bar", rate="19"),
        lambda flower, node: flower.post("task/rate-limit/foo.bar", workername=node.hostname, ratelimit=19),
    ),
    "revoke": (
        lambda node: node.sent("revoke", {"task_id": [_UUID], "terminate": False}),
        lambda flower, node: flower.post(f"task/revoke/{_UUID}"),
    ),
}
OF_A_RANGE = ("pool autoscale",)
UNLISTED = ("pool restart", "rate limit of an unknown task")
"""What changes nothing of a state: the first shows in the ids of processes."""


def compare(flower: Flower, ours: Controlled, theirs: Controlled, name: str) -> str:
    """ "" if both nodes are in the same state, which is another one than before, else both."""
    order, call = SCENARIOS[name]
    before, processes = state(ours), [node.processes() for node in (ours, theirs)]
    order(ours)
    call(flower, theirs)
    if name == "pool restart":
        for node, old in zip((ours, theirs), processes, strict=True):
            if not until(lambda: set(old) - set(node.processes()), SETTLED_SECONDS):  # noqa: B023
                return f"{node.hostname} has its old processes"
    if until(lambda: state(ours) == state(theirs) and (name in UNLISTED or state(ours) != before), SETTLED_SECONDS):
        return ""
    return f"ours {state(ours)}, Flower’s {state(theirs)}, before {before}"


def time_limit(flower: Flower, ours: Controlled, theirs: Controlled) -> str:
    """No node lists time limits: both end a task by them, once their pools were restarted."""
    ours.order("time_limit", task=HOLD, hard=1)
    flower.post(f"task/timeout/{HOLD}", workername=theirs.hostname, hard=1)
    logs = []
    for node in (ours, theirs):
        node.order("pool_restart")
        logs.append(node.file())
        node.run(HOLD, str(logs[-1]), str(node.file()))
        until(lambda: "began" in words(logs[-1]), ENDED_SECONDS)
        until(lambda: node.inspected("active") == [], ENDED_SECONDS)  # noqa: B023
    return "" if all(node.inspected("active") == [] for node in (ours, theirs)) else "a task runs on"


def terminate(flower: Flower, ours: Controlled, theirs: Controlled) -> str:
    found = []
    for node in (ours, theirs):
        uuid, log, gate = str(uuid4()), node.file(), node.file()
        node.run(HOLD, str(log), str(gate), task_id=uuid)
        until(lambda: "began" in words(log), ENDED_SECONDS)  # noqa: B023
        if node is ours:
            node.sent("revoke", {"task_id": [uuid], "terminate": True, "signal": "SIGUSR1"})
        else:
            flower.post(f"task/revoke/{uuid}", terminate="true", signal="SIGUSR1")
        until(lambda: len(words(log)) > 1, SETTLED_SECONDS)  # noqa: B023
        gate.touch()
        until(lambda: node.inspected("active") == [], ENDED_SECONDS)  # noqa: B023
        found.append(words(log))
    return "" if found[0] == found[1] == ["began", "limited"] else f"ours {found[0]}, Flower’s {found[1]}"


def shutdown(flower: Flower, ours: Controlled, theirs: Controlled) -> str:
    ours.sent("shutdown", {}, 0.5)
    flower.post(_path(theirs, "shutdown"))
    until(lambda: ours.process.poll() is not None and theirs.process.poll() is not None, ENDED_SECONDS)
    return "" if ours.process.poll() == theirs.process.poll() == 0 else f"exit {ours.process.poll()} and {theirs.process.poll()}"


BY_EFFECT = {"time limit": time_limit, "terminate": terminate, "shutdown": shutdown}


def all_scenarios(node: RabbitNode, vhost: str, directory: Path, python: str) -> dict[str, str]:
    """{scenario: "" or what differs}, of two nodes of Celery in that interpreter's environment, which has Flower too."""
    found: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        nodes = []
        for name, *options in (("ours",), ("flowers",), ("ours-scaled", "--autoscale=3,1"), ("flowers-scaled", "--autoscale=3,1")):
            nodes.append(Controlled(node, vhost, directory, name, "prefork", 2, *options, python=python))
            stack.callback(nodes[-1].kill)
        flower = Flower(python, nodes[0])
        stack.callback(flower.end)
        if not flower.knows(*nodes):
            return {"start": f"Flower does not know the worker nodes: {flower.log.read_text()[-600:]}"}
        ours_to_end = time.monotonic() + MOST_SECONDS
        for name in (*SCENARIOS, *BY_EFFECT):
            if time.monotonic() > ours_to_end:
                found[name] = f"not reached within {MOST_SECONDS} s"
                continue
            pair = nodes[2:] if name in OF_A_RANGE else nodes[:2]
            try:
                found[name] = BY_EFFECT[name](flower, pair[0], pair[1]) if name in BY_EFFECT else compare(flower, pair[0], pair[1], name)
            except (RuntimeError, KeyError, OSError) as error:  # one that does not answer; the others can still be compared
                found[name] = f"{type(error).__name__}: {error}"
            print(f"control: beside Flower, {name}: {found[name] or 'the same state'}", file=sys.stderr, flush=True)
    return found
