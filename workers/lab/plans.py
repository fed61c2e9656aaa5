"""The plan of each pattern. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workers.lab.knobs import Knobs
from workers.lab.plan import LOCAL, NodePlan, Plan, PublisherPlan, Variant, binding, definitions, exchange, queue

TRIES, RETRY_MS, SLOWER = 2, 1_000, 4
PRIORITIES = (0, 5, 9)
ARRANGEMENTS: dict[int, tuple[str, str, str]] = {
    1: ("all on one machine", LOCAL, LOCAL),
    2: ("the producer with the broker", LOCAL, "127.0.0.3"),
    3: ("the broker with the worker nodes", "127.0.0.2", LOCAL),
    4: ("the producer with the worker nodes", "127.0.0.2", "127.0.0.2"),
    5: ("all apart", "127.0.0.2", "127.0.0.3"),
}
"""(name, address of the producer, address of the worker nodes); the broker is at 127.0.0.1."""
_TAKEN = """
    lang task id shadow eta expires group group_index retries timelimit root_id parent_id argsrepr kwargsrepr origin ignore_result replaced_task_nesting
    stamped_headers stamps args kwargs loglevel logfile is_eager delivery_info properties correlation_id reply_to redelivered hostname utc callbacks errbacks
    chain chord called_directly headers children taskset time_limit soft_time_limit as_execution_options clear get update compression CC BCC
"""
TAKEN_HEADERS = frozenset(_TAKEN.split())
"""Headers of each message of Celery, names under which its worker nodes keep what a request is about, and those by which RabbitMQ routes."""


def work_queue(knobs: Knobs) -> Plan:
    return Plan(definitions([queue("work")]), _sharing(knobs, "work"), _to_queue("work", knobs))


def publish_subscribe(knobs: Knobs) -> Plan:
    names = [f"subscriber-{number}" for number in range(1, knobs.nodes + 1)]
    bindings = [binding("news", name) for name in names]
    publisher = PublisherPlan("news", (Variant("", label="news"),), knobs.rate)
    return Plan(definitions(map(queue, names), [exchange("news", "fanout")], bindings), _one_each(knobs, names), publisher)


def routing(knobs: Knobs) -> Plan:
    return _by_key(knobs, exchange("orders", "direct"))


def topics(knobs: Knobs) -> Plan:
    return _by_key(knobs, exchange("events", "topic"))


def alternate(knobs: Knobs) -> Plan:
    made = _by_key(knobs, exchange("orders", "direct", alternate_exchange="unmatched"))
    defined = made.definitions
    other = definitions(
        [*defined["queues"], queue("unmatched")],
        [*defined["exchanges"], exchange("unmatched", "fanout")],
        [*defined["bindings"], binding("unmatched", "unmatched")],
    )
    return Plan(other, (*made.nodes, _node(len(made.nodes) + 1, "unmatched", knobs)), made.publisher)


def headers(knobs: Knobs) -> Plan:
    names = _queue_names(knobs.bindings)
    bindings = []
    for name, line in zip(names, knobs.bindings, strict=True):
        match, _, rest = line.partition(" ")
        bindings.append(binding("documents", name, arguments={"x-match": match, **pairs(rest)}))
    variants = tuple(Variant("", dict(pairs(line)), label=line) for line in knobs.keys)
    return Plan(definitions(map(queue, names), [exchange("documents", "headers")], bindings), _one_each(knobs, names), _published("documents", variants, knobs))


def pairs(line: str) -> dict[str, Any]:
    """The headers that a line names.

    >>> pairs("format=pdf kind=invoice")
    {'format': 'pdf', 'kind': 'invoice'}
    """
    return dict(part.split("=", 1) for part in line.split())


def header_line(line: str) -> str:
    """What is wrong with a line of headers; "" for nothing.

    >>> header_line("format=pdf kind=invoice"), header_line("pdf"), header_line("task=x")
    ('', 'Enter name=value, such as format=pdf.', 'Choose another name than task: Celery or RabbitMQ gives that header a meaning of its own.')
    """
    parts = [part.partition("=") for part in line.split()]
    if not parts or not all(name and equals for name, equals, _ in parts):
        return "Enter name=value, such as format=pdf."
    taken = next((name for name, _, _ in parts if name in TAKEN_HEADERS or name.startswith(("x-", "_"))), "")
    return f"Choose another name than {taken}: Celery or RabbitMQ gives that header a meaning of its own." if taken else ""


def binding_of_headers(line: str) -> str:
    """What is wrong with a line that binds by headers; "" for nothing."""
    match, _, rest = line.partition(" ")
    return header_line(rest) if match in ("all", "any") else "Begin with all or any, such as all format=pdf kind=invoice."


def request_reply(knobs: Knobs) -> Plan:
    publisher = PublisherPlan("", (Variant("requests", label="request"),), knobs.rate, reply_queue="replies")
    return Plan(definitions([queue("requests"), queue("replies")]), _sharing(knobs, "requests"), publisher)


def prefetch(knobs: Knobs) -> Plan:
    """Node 1 with a prefetch of one, the others with 4, 16 … times the one that is set."""
    nodes = [_node(number, "work", knobs, prefetch=min(knobs.prefetch * 4 ** (number - 1), 64)) for number in range(1, knobs.nodes + 1)]
    return Plan(definitions([queue("work")]), tuple(nodes), _to_queue("work", knobs))


def slow_node(knobs: Knobs) -> Plan:
    nodes = [_node(number, "work", knobs, work_ms=knobs.work_ms * (SLOWER if number == 1 else 1)) for number in range(1, knobs.nodes + 1)]
    return Plan(definitions([queue("work")]), tuple(nodes), _to_queue("work", knobs))


def priority(knobs: Knobs) -> Plan:
    variants = tuple(Variant("jobs", priority=each, label=f"priority {each}") for each in PRIORITIES)
    return Plan(definitions([queue("jobs", x_max_priority=max(PRIORITIES))]), (_node(1, "jobs", knobs),), _published("", variants, knobs))


def retry(knobs: Knobs) -> Plan:
    back = {"x_dead_letter_exchange": "", "x_dead_letter_routing_key": "jobs", "x_message_ttl": RETRY_MS}
    queues = [queue("jobs", x_dead_letter_exchange="", x_dead_letter_routing_key="jobs.wait"), queue("jobs.wait", **back)]
    nodes = tuple(_node(number, "jobs", knobs, tries=TRIES) for number in range(1, knobs.nodes + 1))
    return Plan(definitions(queues), nodes, _to_queue("jobs", knobs))


def arrangements(knobs: Knobs) -> Plan:
    _, producer, consumers = ARRANGEMENTS[knobs.arrangement]
    nodes = tuple(_node(number, "work", knobs, address=consumers) for number in range(1, knobs.nodes + 1))
    publisher = PublisherPlan("", (Variant("work", label="work"),), knobs.rate, producer)
    return Plan(definitions([queue("work")]), nodes, publisher)


def _by_key(knobs: Knobs, source: dict[str, Any]) -> Plan:
    """An exchange whose bindings are given, each of a queue with a node of its own, and keys in turn."""
    names = _queue_names(knobs.bindings)
    bindings = [binding(source["name"], name, key) for name, key in zip(names, knobs.bindings, strict=True)]
    variants = tuple(Variant(key, label=key) for key in knobs.keys)
    return Plan(definitions(map(queue, names), [source], bindings), _one_each(knobs, names), _published(source["name"], variants, knobs))


def _queue_names(bindings: Sequence[str]) -> list[str]:
    return [f"queue-{number}" for number in range(1, len(bindings) + 1)]


def _sharing(knobs: Knobs, name: str) -> tuple[NodePlan, ...]:
    return tuple(_node(number, name, knobs) for number in range(1, knobs.nodes + 1))


def _one_each(knobs: Knobs, queues: Iterable[str]) -> tuple[NodePlan, ...]:
    return tuple(_node(number, name, knobs) for number, name in enumerate(queues, start=1))


def _node(number: int, queue_name: str, knobs: Knobs, **other: Any) -> NodePlan:
    usual: dict[str, Any] = {"processes": knobs.processes, "prefetch": knobs.prefetch, "work_ms": knobs.work_ms}
    return NodePlan(f"node-{number}", queue_name, **{**usual, **other})


def _to_queue(name: str, knobs: Knobs) -> PublisherPlan:
    """By the default exchange, straight to one queue."""
    return _published("", (Variant(name, label=name),), knobs)


def _published(source: str, variants: tuple[Variant, ...], knobs: Knobs) -> PublisherPlan:
    return PublisherPlan(source, variants, knobs.rate)
