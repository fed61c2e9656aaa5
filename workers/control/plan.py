"""What an action will do to worker nodes, in a sentence, and to which of them it can't be done, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from workers.control.arguments import NO_LIMIT, Action, Arguments

GROWING_POOLS = ("prefork", "gevent", "eventlet")
POOLS = (*GROWING_POOLS, "threads", "solo")
_UNITS = {"prefork": ("process", "processes"), "threads": ("thread", "threads"), "gevent": ("greenlet", "greenlets"), "eventlet": ("greenlet", "greenlets")}
_RATE_UNITS = {"s": "second", "m": "minute", "h": "hour"}


class Node(msgspec.Struct, frozen=True):
    """What is known of a worker node; None where it is unknown. `tasks`: {registered name: attributes}. `inspected`: it has answered remote control, and
    `inspect_problem` says why it no longer does, or never did. `restarts_pool`: worker_pool_restarts of its configuration."""

    hostname: str
    state: str = "online"  # online, gone, unknown
    pool: str | None = None
    slots: int | None = None
    busy: int | None = None
    autoscale: tuple[int, int] | None = None  # (min, max)
    pids: tuple[int, ...] | None = None
    queues: tuple[str, ...] | None = None
    tasks: Mapping[str, Mapping[str, str]] | None = None
    inspected: bool = True
    inspect_problem: str = ""
    restarts_pool: bool | None = None


class Refused(msgspec.Struct, frozen=True):
    hostname: str
    field: str  # what would have to be another: hostnames, action, or an argument
    why: str  # a sentence


class Plan(msgspec.Struct, frozen=True):
    """`going`: the nodes that get the order; `text`: what will happen to them, "" if there is none; `warnings` are sentences."""

    action: Action
    arguments: Arguments
    going: tuple[Node, ...]
    refused: tuple[Refused, ...]
    text: str
    warnings: tuple[str, ...] = ()

    @property
    def typed(self) -> str:
        """What a person types to confirm what can't be undone; "" where nothing needs to be typed."""
        if not self.action.final or not self.going:
            return ""
        return self.going[0].hostname if len(self.going) == 1 else f"{self.action.key} {len(self.going)}"


def plan(action: Action, arguments: Arguments, nodes: Sequence[Node], existing_queues: frozenset[str] | None = None) -> Plan:
    """`existing_queues`: those of the virtual host; None if they are unknown or not all visible."""
    refused = [Refused(node.hostname, *why) for node in nodes if (why := _refusal(action, arguments, node)) is not None]
    without = {one.hostname for one in refused}
    going = tuple(node for node in nodes if node.hostname not in without)
    text = _text(action, arguments, going) if going else ""
    return Plan(action, arguments, going, tuple(refused), text, tuple(_warnings(action, arguments, going, existing_queues)))


def _refusal(action: Action, arguments: Arguments, node: Node) -> tuple[str, str] | None:
    """(field, why it can't be done to this node)."""
    name, key = node.hostname, action.key
    if node.state == "gone":
        return "hostnames", f"{name} is gone, so nothing reaches it."
    if key in ("pool_grow", "pool_shrink"):
        if node.pool in POOLS and node.pool not in GROWING_POOLS:
            what = "runs one task at a time in its own process" if node.pool == "solo" else "has as many threads as it was started with"
            return "action", f"{name} uses the {node.pool} pool, which {what}."
        if node.autoscale is not None:
            return "action", f"{name} was started with --autoscale, which decides on its processes. Change the autoscale range instead."
        if key == "pool_shrink" and node.slots is not None and arguments["n"] >= node.slots:
            return "n", f"{name} has {_counted(node.slots, 'slot')}; one has to stay, so at most {node.slots - 1} can end."
    if key == "autoscale" and node.autoscale is None and node.slots is not None:
        return "action", f"{name} was started without --autoscale, so it has no range. Grow or shrink its pool instead."
    if key == "pool_restart":
        if node.pool in POOLS and node.pool != "prefork":
            return "action", f"{name} uses the {node.pool} pool, which can't be restarted; only prefork can."
        if node.restarts_pool is False:
            return "action", f"{name} does not permit it: worker_pool_restarts is not set in its configuration."
    if key == "cancel_consumer" and node.queues is not None and arguments["queue"] not in node.queues:
        return "queue", f"{name} does not consume the queue {arguments['queue']}."
    if key in ("rate_limit", "time_limit") and node.tasks is not None and not _has_task(node, arguments["task"]):
        return "task", f"{name} has no task {arguments['task']} registered."
    return None


def _has_task(node: Node, task: str) -> bool:
    return task in (node.tasks or {}) or task.startswith("celery.")  # Celery's own are registered and not listed


def _warnings(action: Action, arguments: Arguments, going: Sequence[Node], existing_queues: frozenset[str] | None) -> list[str]:
    found = []
    for node in going:
        found += [f"{node.hostname}: {text}" for text in _warnings_of(action, arguments, node)]
    queue = arguments.get("queue")
    if action.key == "add_consumer" and going and existing_queues is not None and queue not in existing_queues:
        found.append(f"There is no queue {queue} yet: the node will declare it, durable and of type classic unless its application configures another.")
    if action.key == "shutdown" and going:
        found.append(
            "Whether a node starts again is up to what started it, such as systemd or Kubernetes. Tasks that it has prefetched go back to their queues."
        )
    if action.key == "disable_events" and going:
        found.append("Hareline then sees no tasks of these nodes.")
    return found


def _warnings_of(action: Action, arguments: Arguments, node: Node) -> list[str]:
    found = []
    if not node.inspected:
        found.append(f"it has never answered remote control ({node.inspect_problem or 'it may be off'}), so the order will probably not be carried out.")
    elif node.inspect_problem:
        found.append(f"it does not answer remote control now ({node.inspect_problem}).")
    elif node.state == "unknown":
        found.append("its state is unknown, so it may not receive the order.")
    if node.pool == "solo" and node.busy:
        found.append("the solo pool runs a task and answers only once it has ended.")
    if action.key in ("pool_grow", "pool_shrink", "pool_restart") and node.pool not in POOLS:
        found.append(f"its pool is {node.pool or 'unknown'}, and may not be able to.")
    if action.key == "pool_shrink" and node.slots is not None and node.busy is not None and arguments["n"] > node.slots - node.busy:
        found.append(f"{node.busy} of its {node.slots} slots run tasks, and only idle ones end; it will answer that all are busy.")
    if action.key == "add_consumer" and node.queues is not None and arguments["queue"] in node.queues:
        found.append(f"it consumes {arguments['queue']} already.")
    if action.key == "cancel_consumer" and node.queues == (arguments["queue"],):
        found.append(f"{arguments['queue']} is the only queue that it consumes, so it will receive no tasks.")
    if action.key == "time_limit":
        found += _unenforced(arguments, node)
    return found


def _unenforced(arguments: Arguments, node: Node) -> list[str]:
    if node.pool in ("solo", "threads", "eventlet") and ("hard" in arguments or "soft" in arguments):
        return [f"the {node.pool} pool enforces no time limits."]
    found = ["the gevent pool enforces the hard limit alone."] if node.pool == "gevent" and "soft" in arguments else []
    if node.pool == "gevent" or node.restarts_pool is False:
        found.append("its pool can’t be restarted from here, so the limits apply only once it connects to the broker again.")
    return found


def _text(action: Action, arguments: Arguments, going: Sequence[Node]) -> str:
    """What will happen, to what, how many."""
    key = action.key
    whom = going[0].hostname if len(going) == 1 else f"{len(going):,} worker nodes"
    each = whom if len(going) == 1 else f"each of {whom}"
    if key in ("pool_grow", "pool_shrink"):
        n, units = arguments["n"], {_UNITS.get(node.pool or "", ("slot", "slots")) for node in going}
        one, many = units.pop() if len(units) == 1 else ("slot", "slots")
        change = f"will be added to {each}" if key == "pool_grow" else f"of {each} will end"
        return f"{n:,} {one if n == 1 else many} {change}{_sums(going, n if key == 'pool_grow' else -n)}."
    if key == "autoscale":
        return f"The autoscale range of {each} will be {arguments['min']:,} to {arguments['max']:,} processes{_range(going)}."
    if key == "pool_restart":
        slots = [node.slots for node in going]
        amount = "All processes" if None in slots else _counted(sum(slot or 0 for slot in slots), "process", "processes")
        return f"{amount} of {whom} will be replaced by new ones, each after the task that it runs, or after its next one."
    if key == "add_consumer":
        named = f", bound to the exchange {arguments['exchange']}" if "exchange" in arguments else ""
        key_text = f" by the key {arguments['routing_key']}" if "routing_key" in arguments else ""
        return f"{_capital(each)} will consume the queue {arguments['queue']}{named}{key_text} too."
    if key == "cancel_consumer":
        return f"{_capital(each)} will no longer consume the queue {arguments['queue']}."
    if key == "rate_limit":
        return _rate_text(arguments, each)
    if key == "time_limit":
        limits = [f"{name} limit of {arguments[name]:g} s" if name in arguments else f"no {name} limit of its own" for name in ("hard", "soft")]
        once = "once the pool is restarted or the node connects to the broker again"
        return f"On {each}, {arguments['task']} will have {_a(limits[0])} and {_a(limits[1])}, {once}."
    if key == "shutdown":
        running = [node.busy for node in going]
        amount = "the tasks that run" if None in running else _counted(sum(busy or 0 for busy in running), "task that runs", "tasks that run")
        return f"{_capital(whom)} will finish {amount}, take no more, and end."
    return f"{_capital(each)} will {'send' if key == 'enable_events' else 'no longer send'} events of its tasks."


def _rate_text(arguments: Arguments, each: str) -> str:
    if arguments["rate"] == NO_LIMIT:
        return f"{_capital(each)} will run {arguments['task']} without a rate limit."
    amount, _, unit = arguments["rate"].partition("/")
    return f"{_capital(each)} will start at most {amount} {arguments['task']} a {_RATE_UNITS[unit or 's']}."


def _sums(going: Sequence[Node], change: int) -> str:
    """ ": 4 → 6 slots"; "" where the slots are unknown."""
    slots = [node.slots for node in going]
    if None in slots:
        return ""
    before = sum(slot or 0 for slot in slots)
    return f": {before:,} → {before + change * len(going):,} slots{'' if len(going) == 1 else ' in all'}"


def _range(going: Sequence[Node]) -> str:
    ranges = {node.autoscale for node in going}
    before = ranges.pop() if len(ranges) == 1 else None
    return f", instead of {before[0]:,} to {before[1]:,}" if before else ""


def _capital(text: str) -> str:
    """A sentence's first word; the name of a node stays as it is."""
    return f"E{text[1:]}" if text.startswith("each of ") else text


def _a(limit: str) -> str:
    return limit if limit.startswith("no ") else f"a {limit}"


def _counted(amount: int, one: str, many: str = "") -> str:
    return f"{amount:,} {one if amount == 1 else many or f'{one}s'}"
