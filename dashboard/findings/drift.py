"""Where a broker and the configurations of its workers have drifted apart. Pure.

Workers report the settings that decide where tasks go, the queues they consume, and the tasks they know (`celery inspect`). What is masked or code of the
application is left out: of that nothing is concluded. Nothing is concluded either while a worker of the virtual host has not reported yet.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal

import msgspec

from dashboard.findings import priorities
from workers.destinations.near_routes import near_routes
from workers.destinations.settings import setting_named

What = Literal["binding", "queue twice", "route unmatched", "route undeclared", "settings", "priority"]
OF_QUEUES: tuple[What, ...] = ("binding", "queue twice", "priority")
MASK = "********"
_MOST_ROUTES = 1000


class Reported(msgspec.Struct, frozen=True):
    """What one worker reported: None where it did not."""

    vhost: str
    hostname: str
    configuration: Mapping[str, Any] | None
    queues: Sequence[Mapping[str, Any]] | None
    registered: Sequence[Mapping[str, Any]] | None
    at: datetime | None = None


class Bound(msgspec.Struct, frozen=True):
    """A binding in the broker to a queue. Two of the same key may differ in their arguments; `properties_key` distinguishes these for RabbitMQ's API."""

    vhost: str
    source: str
    queue: str
    key: str
    since: datetime
    arguments: Mapping[str, Any] = {}
    properties_key: str = ""


class Drift(msgspec.Struct, frozen=True):
    """`name` of a queue, or of an entry of task_routes, or of a setting; `detail` what else makes it one; `workers` those whose configuration has it; `pk` of
    the queue that it is about, if the broker has it."""

    what: What
    vhost: str
    name: str
    detail: str = ""
    workers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    since: datetime | None = None
    at: datetime | None = None
    near: str = ""
    may_create: bool = True
    values: tuple[str, ...] = ()
    pk: int | None = None


There = Callable[[str, Collection[str]], Collection[str]]
"""Of a virtual host and names of queues, which of them exist."""


def found(reported: Iterable[Reported], bound: Iterable[Bound], there: There, with_priorities: There | None = None) -> list[Drift]:
    """Everything that drifted in a broker. `reported`: of the workers that are online; `bound`: its bindings of exchanges other than the default one to
    queues that they consume; `with_priorities`: which queues take priorities, None: not known."""
    by_vhost: dict[str, list[Reported]] = defaultdict(list)
    for one in reported:
        by_vhost[one.vhost].append(one)
    bindings: dict[str, list[Bound]] = defaultdict(list)
    for binding in bound:
        bindings[binding.vhost].append(binding)
    drifts: list[Drift] = []
    for vhost, workers in by_vhost.items():
        if any(one.configuration is None or one.queues is None or one.registered is None for one in workers):
            continue
        configured = _configurations(workers)
        drifts += [*_named_twice(workers, configured), *_routes(workers, configured, there)]
        drifts += [*_settings(workers), *_bindings(workers, configured, bindings[vhost])]
        if with_priorities is not None:
            drifts += _priorities(workers, configured, there, with_priorities)
    return drifts


class _Configuration(msgspec.Struct):
    """Settings by their names of today and as they were given, and the workers that have them."""

    settings: Mapping[str, Any]
    hostnames: list[str]


def _configurations(workers: Iterable[Reported]) -> list[_Configuration]:
    """Each one once: hundreds of workers have few, and equal ones are the same object where they were read together."""
    found: dict[int, _Configuration] = {}
    for one in workers:
        if id(one.configuration) not in found:
            found[id(one.configuration)] = _Configuration(_named(one.configuration), [])
        found[id(one.configuration)].hostnames.append(one.hostname)
    return list(found.values())


def _named(configuration: Mapping[str, Any] | None) -> dict[str, Any]:
    """The value of each setting, by the name that it was given and by the one that Celery has for it; the first counts."""
    found: dict[str, Any] = {}
    for given, value in (configuration or {}).items():
        found.setdefault(given, value)
        found.setdefault(setting_named(given) or given, value)
    return found


def _named_twice(workers: Sequence[Reported], configured: Iterable[_Configuration]) -> Iterable[Drift]:
    """Celery keeps the last of them: the others' exchanges and keys are never bound."""
    twice: dict[str, list[str]] = defaultdict(list)
    for one in configured:
        listed = one.settings.get("task_queues")
        names = Counter(str(queue.get("name")) for queue in listed if isinstance(queue, Mapping)) if isinstance(listed, list) else Counter[str]()
        for name, amount in names.items():
            if amount > 1 and name != MASK:
                twice[name] += one.hostnames
    for name, hostnames in twice.items():
        yield Drift("queue twice", workers[0].vhost, name, workers=tuple(sorted(hostnames)), at=_at(workers))


def _routes(workers: Sequence[Reported], configured: Iterable[_Configuration], there: There) -> Iterable[Drift]:
    """Entries of task_routes that no known task matches, and those that lead to a queue that is nowhere."""
    vhost = workers[0].vhost
    tasks = {str(task.get("name")) for tasks in _each(one.registered for one in workers) for task in tasks}
    declared = {str(queue.get("name")) for queues in _each(one.queues for one in workers) for queue in queues}
    matched: dict[str, bool] = {}
    unmatched: dict[str, list[str]] = defaultdict(list)
    undeclared: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for one in configured:
        own = declared | set(_declared(one.settings))
        may_create = one.settings.get("task_create_missing_queues") is not False
        for entry, route in _entries(one.settings.get("task_routes")):
            if entry.startswith("celery.") or entry == MASK or "\0" in entry:  # Celery's own tasks are registered without being listed
                continue
            if entry not in matched:
                matched[entry] = entry in tasks or ("*" in entry and any(fnmatchcase(task, entry) for task in tasks))
            if not matched[entry]:
                unmatched[entry] += one.hostnames
            queue = route if isinstance(route, str) else route.get("queue") if isinstance(route, Mapping) else None
            queue = queue.get("name") if isinstance(queue, Mapping) else queue
            if isinstance(queue, str) and queue and queue != MASK and queue not in own:
                undeclared[entry, queue, may_create] += one.hostnames
    ordered = sorted(tasks) if unmatched else []
    for entry, hostnames in unmatched.items():
        near = next((task for task in ordered if any(one.entry == entry for one in near_routes([entry], task))), "")
        yield Drift("route unmatched", vhost, entry, workers=tuple(sorted(hostnames)), at=_at(workers), near=near)
    exist = there(vhost, {queue for _, queue, _ in undeclared}) if undeclared else ()
    for (entry, queue, may_create), hostnames in undeclared.items():
        if queue in exist:
            continue
        yield Drift("route undeclared", vhost, queue, entry, tuple(sorted(hostnames)), at=_at(workers), may_create=may_create)


def _priorities(workers: Sequence[Reported], configured: Iterable[_Configuration], there: There, with_priorities: There) -> Iterable[Drift]:
    """Queues without priorities that tasks with one are sent to."""
    vhost = workers[0].vhost
    given = [(has.settings, has.hostnames, _entries(has.settings.get("task_routes"))) for has in configured]
    tasks = [task for listed in _each(one.registered for one in workers) for task in listed]
    for one in priorities.ignored(given, tasks, partial(there, vhost), partial(with_priorities, vhost)):
        yield Drift("priority", vhost, one.queue, workers=one.workers, at=_at(workers), values=one.by)


def _each(lists: Iterable[Sequence[Mapping[str, Any]] | None]) -> Iterable[Sequence[Mapping[str, Any]]]:
    """Each list once, where many workers have the same."""
    return {id(one): one for one in lists if one}.values()


def _entries(routes: Any) -> list[tuple[str, Any]]:
    """(name or glob, route) of every table among the routers; what is code or a regular expression is left out."""
    entries: list[tuple[str, Any]] = []
    for table in routes if isinstance(routes, list) else [routes]:
        if isinstance(table, Mapping):
            entries += [(str(key), route) for key, route in table.items() if not key.startswith("$")]
        elif isinstance(table, list):
            entries += [(pair[0], pair[1]) for pair in table if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)]
    return entries[:_MOST_ROUTES]


def _declared(settings: Mapping[str, Any]) -> Iterable[str]:
    listed = settings.get("task_queues")
    if isinstance(listed, Mapping):
        yield from map(str, listed)
    elif isinstance(listed, list):
        yield from (str(queue.get("name")) for queue in listed if isinstance(queue, Mapping))
    default = settings.get("task_default_queue")
    if isinstance(default, str):
        yield default


def _settings(workers: Sequence[Reported]) -> Iterable[Drift]:
    """Workers that know the same tasks are of one application: its settings should be the same."""
    applications: dict[frozenset[str], list[Reported]] = defaultdict(list)
    names_of = {id(tasks): frozenset(str(task.get("name")) for task in tasks) for tasks in _each(one.registered for one in workers)}
    for one in workers:
        applications[names_of.get(id(one.registered), frozenset())].append(one)
    for tasks, members in applications.items():
        configured = _configurations(members)
        if len(configured) < 2 or not tasks:
            continue
        names = sorted({setting_named(given) or given for one in configured for given in one.settings})
        application = min(one.hostname for one in members)
        for name in names:
            by_value: dict[str, list[str]] = defaultdict(list)
            for has in configured:
                by_value[_text(has.settings.get(name))] += has.hostnames
            if len(by_value) > 1:
                ordered = sorted(((value, sorted(hostnames)) for value, hostnames in by_value.items()), key=lambda item: (-len(item[1]), item[1]))
                others = tuple(sorted(hostname for _, hostnames in ordered[1:] for hostname in hostnames))
                values = tuple(f"{_short(value)} ({len(hostnames):,})" for value, hostnames in ordered[:3])
                yield Drift("settings", members[0].vhost, name, application, tuple(ordered[0][1]), others, at=_at(members), values=values)


def _text(value: Any) -> str:
    return "not set" if value is None else value if isinstance(value, str) else msgspec.json.encode(value, order="deterministic").decode()


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def _bindings(workers: Sequence[Reported], configured: Iterable[_Configuration], bound: Iterable[Bound]) -> Iterable[Drift]:
    """Bindings to a queue that workers consume, of an exchange that some configuration names, with a key or arguments that none has for it: Celery adds
    bindings and never removes one, so what was configured before stays and goes on delivering."""
    wanted: set[tuple[str, str, str, str]] = set()  # (exchange, queue, key, arguments as text)
    exchanges: set[str] = set()
    consumers: dict[str, list[str]] = defaultdict(list)
    opaque: set[str] = set()
    for one in workers:
        for queue in one.queues or ():
            name, exchange, key = str(queue.get("name")), str(queue.get("exchange") or ""), str(queue.get("routing_key") or "")
            consumers[name].append(one.hostname)
            declared = queue.get("declared")
            if not isinstance(declared, Mapping) or MASK in (exchange, key) or MASK in str(declared.get("binding_arguments")):
                opaque.add(name)
                continue
            wanted.add((exchange, name, key, _arguments_text(declared.get("binding_arguments"))))
            exchanges.add(exchange)
            for binding in declared.get("bindings") or ():
                source = binding.get("exchange") or {}
                source = str(source.get("name") if isinstance(source, Mapping) else source)
                wanted.add((source, name, str(binding.get("routing_key") or ""), _arguments_text(binding.get("arguments"))))
                exchanges.add(source)
    for has in configured:
        for name, exchange, key, arguments in _configured(has.settings):
            wanted.add((exchange, name, key, arguments))
            exchanges.add(exchange)
    shown: dict[str, set[str]] = defaultdict(set)
    for exchange, name, key, arguments in wanted:
        shown[name].add(" ".join(part for part in (exchange, key, arguments) if part))
    for binding in bound:
        known = binding.queue in consumers and binding.queue not in opaque and (binding.source in exchanges or binding.source == binding.queue)
        arguments = _arguments_text(binding.arguments)
        if known and binding.source and (binding.source, binding.queue, binding.key, arguments) not in wanted:
            detail = json.dumps((binding.source, binding.key, binding.properties_key, arguments))  # each may hold any character
            values = sorted(shown[binding.queue])
            its_workers = tuple(sorted(consumers[binding.queue]))
            yield Drift("binding", binding.vhost, binding.queue, detail, its_workers, since=binding.since, at=_at(workers), values=tuple(values))


def _arguments_text(arguments: object) -> str:
    """Of a binding; "" of none.

    >>> _arguments_text({"x-match": "all", "n": 1}), _arguments_text(None)
    ('{"n":1,"x-match":"all"}', '')
    """
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"), default=str) if arguments else ""


def _configured(settings: Mapping[str, Any]) -> Iterable[tuple[str, str, str, str]]:
    """(queue, exchange, key, arguments) of task_queues."""
    listed = settings.get("task_queues")
    pairs = listed.items() if isinstance(listed, Mapping) else [(None, queue) for queue in listed] if isinstance(listed, list) else []
    for name, queue in pairs:
        if isinstance(queue, Mapping):
            exchange = queue.get("exchange") or ""
            exchange = exchange.get("name") if isinstance(exchange, Mapping) else exchange
            key = queue.get("routing_key") or queue.get("binding_key") or ""
            yield str(name or queue.get("name")), str(exchange or ""), str(key), _arguments_text(queue.get("binding_arguments"))


def _at(workers: Iterable[Reported]) -> datetime | None:
    return max((one.at for one in workers if one.at is not None), default=None)
