"""The Celery app of a worker whose tasks form workflows. Each task writes what its own request holds of its workflow to a file, which no event passes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from celery import Celery, Task, chain, chord, group

app = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"], backend=os.environ["TEST_CELERY_BACKEND"], set_as_current=False)
app.conf.update(
    task_default_queue="jobs",
    task_send_sent_event=True,
    worker_send_task_events=True,
    result_chord_retry_interval=0.1,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)
LOG = Path(os.environ["TEST_FLOW_LOG"])


class Logged(Task):
    """Writes each try of itself to the log before it runs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = self.request
        line = {"uuid": found.id, "name": self.name.rpartition(".")[2], "parent": found.parent_id, "root": found.root_id, "group": found.group}
        body = found.chord.get("task_id") or (found.chord.get("options") or {}).get("task_id") if found.chord else None
        line |= {"body": body, "try": found.retries, "group_index": found.group_index, "stamps": found.stamps, "nest": found.replaced_task_nesting}
        with LOG.open("a") as log:
            log.write(json.dumps(line) + "\n")
        return self.run(*args, **kwargs)


app.Task = Logged


@app.task
def step(*_: Any) -> int:
    return 1


@app.task
def leaf(*_: Any) -> int:
    return 1


@app.task
def total(*_: Any) -> int:
    return 1


@app.task
def outer(*_: Any) -> int:
    return 1


@app.task(bind=True, max_retries=1)
def flaky(self: Any, *_: Any) -> int:
    if not self.request.retries:
        raise self.retry(countdown=0)
    return 1


@app.task
def fails(*_: Any) -> None:
    raise ValueError("as requested")


@app.task(bind=True)
def swap(self: Any, *_: Any) -> Any:
    raise self.replace(step.s())


@app.task(bind=True)
def swap_group(self: Any, *_: Any) -> Any:
    raise self.replace(group(leaf.s(), leaf.s()))


@app.task(bind=True)
def swap_chain(self: Any, *_: Any) -> Any:
    raise self.replace(step.s() | leaf.s())


@app.task
def calls(*_: Any) -> None:
    leaf.delay()
    leaf.delay()


@app.task
def start(which: str) -> None:
    CANVASES[which]().apply_async()


CANVASES = {
    "chain": lambda: chain(*(step.si() for _ in range(6))),
    "group": lambda: group(leaf.si() for _ in range(3)),
    "chord": lambda: chord([leaf.si() for _ in range(3)], total.s()),
    "nested": lambda: chord([chord([leaf.si(), leaf.si()], total.s()), leaf.si()], outer.s()),
    "replace": lambda: chain(swap.si(), leaf.si()),
    "replace_group": lambda: chain(swap_group.si(), total.s()),
    "replace_chain": lambda: chain(swap_chain.si(), total.s()),
    "retry": lambda: chord([leaf.si(), flaky.si()], total.s()),
    "chain_chord": lambda: chain(step.si(), group(leaf.si(), leaf.si()), total.s(), outer.s()),
    "chain_in_chord": lambda: chord([chain(step.si(), leaf.si()), leaf.si()], total.s()),
    "failing": lambda: chord([leaf.si(), fails.si()], total.s()),
    "calls": lambda: calls.si(),
    "links": lambda: step.si().on_error(leaf.si()),
    "link": lambda: _linked(),
}


def _linked() -> Any:
    found = step.si()
    found.link(leaf.si())
    found.link(total.si())
    return found
