"""Each order to a real worker node, and whether the node then does what was ordered: how many tasks run at once, which are taken, how often and how long."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import msgspec

from script.soak_parts.controlled import HOLD, NOTE, Controlled, moments, until, words
from workers.control.revocation import ENDING_SINCE, is_older

UNLIMITED_SECONDS = 5
"""A task that runs so long under a limit of a second has none."""
KILLED_SECONDS = 60
MANY = 4
"""Tasks under a rate limit of two a second: they take a second and a half."""


class Found(msgspec.Struct, frozen=True):
    """`word`: "done" (the node does it), "refused" (by its own answer), "no effect" (it agreed, and nothing came of it). `text`: its answer."""

    word: str
    text: str = ""


def pool_grow(node: Controlled) -> Found:
    ok, text = node.order("pool_grow", n=2)
    if not ok:
        return Found("refused", text)
    node.slots += 2
    return _as(node.at_once(node.slots) == node.slots, text)


def pool_shrink(node: Controlled) -> Found:
    ok, text = node.order("pool_shrink", n=1)
    if not ok:
        return Found("refused", text)
    expected = node.slots - 1
    found = node.at_once(expected)
    node.slots = found
    return _as(found == expected, text if found == expected else f"{found} tasks run at once")


def autoscale(node: Controlled) -> Found:
    """Of a node started with --autoscale it is done; others refuse it."""
    ok, text = node.order("autoscale", max=node.slots + 2, min=node.slots + 1)
    if not ok:
        return Found("refused", text)
    node.slots += 2
    return _as(node.at_once(node.slots) == node.slots, text)


def pool_restart(node: Controlled) -> Found:
    before = node.processes() if node.pool == "prefork" else []
    ok, text = node.order("pool_restart")
    if not ok:
        return Found("refused", text)
    if node.pool != "prefork":
        return Found("no effect", text) if node.takes_from(node.queue) else Found("no effect", "no task runs any more")
    replaced = until(lambda: set(before) - set(node.processes()))  # idle ones follow after their next task
    return _as(bool(replaced) and node.takes_from(node.queue), text)


def consumers(node: Controlled) -> Found:
    extra = f"extra/{node.queue} & ü"
    for command in ("add_consumer", "cancel_consumer"):
        ok, text = node.order(command, queue=extra)
        if not ok:
            return Found("refused", text)
        if not (node.takes_from(extra) if command == "add_consumer" else node.leaves(extra)):
            return Found("no effect", f"after {command}")
    return Found("done", text)


def rate_limit(node: Controlled) -> Found:
    ok, text = node.order("rate_limit", task=NOTE, rate="2/s")
    if not ok:
        return Found("refused", text)
    log = node.file()
    node.run(NOTE, str(log), count=MANY)
    until(lambda: len(words(log)) == MANY)
    began = moments(log)
    listed = any(f"{NOTE} [rate_limit=2/s]" in line for line in node.inspected("registered"))
    removed = node.order("rate_limit", task=NOTE, rate="0")[0]
    return _as(len(began) == MANY and began[-1] - began[0] > 1.2 and listed and removed, text)


def hard_limit(node: Controlled) -> Found:
    return _limited(node, "hard", restarts=False)


def soft_limit(node: Controlled) -> Found:
    return _limited(node, "soft", restarts=False)


def hard_limit_after_restart(node: Controlled) -> Found:
    return _limited(node, "hard", restarts=True)


def soft_limit_after_restart(node: Controlled) -> Found:
    return _limited(node, "soft", restarts=True)


def _limited(node: Controlled, kind: str, restarts: bool) -> Found:
    """A task under a limit of a second, which else ends only by its gate. `restarts`: the pool too, before it."""
    ok, text = node.order("time_limit", task=HOLD, **{kind: 1})
    if ok and restarts:
        ok, text = node.order("pool_restart")
    if not ok:
        return Found("refused", text)
    log, gate = node.file(), node.file()
    node.run(HOLD, str(log), str(gate))
    until(lambda: "began" in words(log))
    ended = lambda: len(words(log)) > 1 or (node.pool != "solo" and node.inspected("active") == [])  # noqa: E731
    until(ended, KILLED_SECONDS if restarts and node.pool == "prefork" else UNLIMITED_SECONDS)
    gate.touch()
    until(ended)
    node.order("time_limit", task=HOLD)
    if restarts:
        node.order("pool_restart")
    if not node.takes_from(node.queue):
        return Found("no effect", "no task runs any more")
    return _as(words(log) == (["began"] if kind == "hard" else ["began", "limited"]), text)


def events(node: Controlled) -> Found:
    with node.connected() as link:
        channel = link.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        channel.queue_bind(queue, "celeryev", "task.#")
        ok, text = node.order("enable_events")
        if not ok:
            return Found("refused", text)
        sends = node.takes_from(node.queue) and until(lambda: channel.basic_get(queue, no_ack=True), 30) is not None
        if not sends:
            return Found("no effect", "no event of a task was sent")
        if not node.order("disable_events")[0]:
            return Found("refused", "disable_events")
        node.inspected("stats")  # what it had buffered is sent by then
        channel.queue_purge(queue)
        taken = node.takes_from(node.queue)
        node.inspected("stats")
        return _as(taken and channel.basic_get(queue, no_ack=True) is None, text)


def revoke(node: Controlled) -> Found:
    """A task that is taken after the order."""
    uuid, log = str(uuid4()), node.file()
    answer = node.sent("revoke", {"task_id": [uuid], "terminate": False}).replies[node.hostname]
    node.run(NOTE, str(log), task_id=uuid)
    return _as(answer.ok and node.takes_from(node.queue) and not words(log), answer.text) if answer.ok else Found("refused", answer.text)


def terminate(node: Controlled) -> Found:
    """A task that runs. A solo pool reads the order only once its task has ended."""
    uuid, log, gate = str(uuid4()), node.file(), node.file()
    node.run(HOLD, str(log), str(gate), task_id=uuid)
    until(lambda: words(log) == ["began"])
    arguments = {"task_id": [uuid], "terminate": True, "signal": "SIGTERM"}
    answer = node.sent("revoke", arguments, 1 if node.pool == "solo" else 60).replies.get(node.hostname)
    if answer is not None and answer.ok:
        until(lambda: node.inspected("active") == [], UNLIMITED_SECONDS)
    gate.touch()
    until(lambda: len(words(log)) > 1 or (node.pool != "solo" and node.inspected("active") == []))
    if not node.takes_from(node.queue):
        return Found("no effect", "no task runs any more")
    if answer is not None and not answer.ok:
        return Found("refused", answer.text)
    return _as(words(log) == ["began"], "no answer while a task runs" if answer is None else answer.text)


def shutdown(node: Controlled) -> Found:
    """Warm: the task that runs is finished. A solo pool runs none: it would read the order only afterwards."""
    log, gate = node.file(), node.file()
    if node.pool != "solo":
        node.run(HOLD, str(log), str(gate))
        until(lambda: words(log) == ["began"])
    outcome = node.sent("shutdown", {}, 0.5)
    gone = outcome.sent == "yes" and node.has_departed()
    gate.touch()
    until(lambda: node.process.poll() is not None)
    return _as(gone and node.process.poll() == 0 and words(log) == ([] if node.pool == "solo" else ["began", "ended"]), f"exit {node.process.poll()}")


STEPS: dict[str, Callable[[Controlled], Found]] = {
    "pool_grow": pool_grow,
    "pool_shrink": pool_shrink,
    "autoscale": autoscale,
    "pool_restart": pool_restart,
    "add_consumer, cancel_consumer": consumers,
    "rate_limit": rate_limit,
    "time_limit, hard": hard_limit,
    "time_limit, soft": soft_limit,
    "time_limit, hard, then pool_restart": hard_limit_after_restart,
    "time_limit, soft, then pool_restart": soft_limit_after_restart,
    "enable_events, disable_events": events,
    "revoke": revoke,
    "revoke with a signal": terminate,
    "shutdown": shutdown,
}


_LIMITS = ("time_limit, hard", "time_limit, soft", "time_limit, hard, then pool_restart", "time_limit, soft, then pool_restart")
_THREADS = {
    **dict.fromkeys(STEPS, "done"),
    **dict.fromkeys(("pool_grow", "pool_shrink", "autoscale", "revoke with a signal"), "refused"),
    **dict.fromkeys(("pool_restart", *_LIMITS), "no effect"),
}
_GREENLETS = {**_THREADS, **dict.fromkeys(("pool_grow", "pool_shrink", "revoke with a signal"), "done")}
EXPECTED = {
    "prefork": {**_GREENLETS, **dict.fromkeys(("pool_restart", *_LIMITS[2:]), "done")},
    "threads": _THREADS,
    "solo": {**_THREADS, "revoke with a signal": "no effect"},
    "gevent": {**_GREENLETS, _LIMITS[2]: "done"},
    "eventlet": _GREENLETS,
}
"""{pool: {step: word}} of a node of Celery 5.7 that was started without --autoscale, with `worker_pool_restarts`."""


def expected(pool: str, version: str) -> dict[str, str]:
    """Of a version such as "4.4": older pools of greenlets end no task."""
    is_unable = pool in ENDING_SINCE and is_older(version, ENDING_SINCE[pool])
    return EXPECTED[pool] | ({"revoke with a signal": "refused"} if is_unable else {})


def _as(is_done: bool, text: str) -> Found:
    return Found("done" if is_done else "no effect", text)
