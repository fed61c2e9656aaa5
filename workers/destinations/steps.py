"""Why a destination was chosen, as steps: what each source set, and which source overrode it. Pure; it only describes a `Sending`.

Each step is one plain sentence. Where Celery's actual precedence differs from the usual assumption, the step of the overridden value notes it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workers.destinations.near_routes import near_routes
from workers.destinations.routers import RouteTable
from workers.destinations.sending import DELAYED_EXCHANGE, Sending
from workers.destinations.terms import plain

LAYERS = ("option", "task", "router", "default")
LEARNED = ("router", "option", "task", "default")
KEYS = ("queue", "exchange", "routing_key", "exchange_type", "priority")
EXPECTED_ORDER = "the often expected precedence (routers, then apply_async, then the task's attributes)"
_NAMES = {"option": "the call's option", "task": "the task's attribute", "router": "the router", "default": "the default"}
_PUBLISH_OPTIONS = {
    *KEYS,
    *("countdown", "eta", "expires", "route_name", "headers", "delivery_mode", "mandatory", "immediate", "declare", "serializer", "compression"),
    *("type", "app_id", "user_id", "cluster_id", "timestamp", "message_id", "correlation_id"),
}


class Step(msgspec.Struct, frozen=True):
    """`layer` is option, task, router, queue, default or delayed; `lost_to` the layer that overrode this value, None if it stands."""

    layer: str
    key: str
    value: Any
    lost_to: str | None
    why: str


def describe(sending: Sending) -> list[Step]:
    """The steps in Celery's order: settings, options, attributes, routers, defaults, then the queue, then native delay."""
    return [*_settings(sending), *_opaque(sending), *_near(sending), *_sources(sending), *_queue(sending), *_delay(sending), *_error(sending)]


def given(sending: Sending) -> dict[str, dict[str, Any]]:
    """What each layer gave, by key; None where it gave None on purpose.

    The default gives only a queue, and only where no other layer did."""
    answer = sending.route.answer or {}
    sources: dict[str, dict[str, Any]] = {
        "option": sending.call,
        "task": {name: value for name, value in sending.attributes.items() if value is not None},
        "router": {"queue": answer} if isinstance(answer, str) else dict(answer),
        "default": {},
    }
    if sending.default_added or sending.queue_is_default:
        sources["default"] = {"queue": sending.question.settings.task_default_queue}
    return sources


def winner(sources: dict[str, dict[str, Any]], key: str, order: tuple[str, ...] = LAYERS) -> str | None:
    """The layer whose value of `key` counts. A None in the call hides the task's attribute."""
    for layer in order:
        if layer == "task" and key in sources["option"]:
            continue
        value = sources[layer].get(key)
        if value is not None and not (key == "queue" and value == ""):
            return layer
    return None


class Difference(msgspec.Struct, frozen=True):
    """A key for which the often expected precedence gives another value than Celery: the layers and values of the two."""

    key: str
    learned_layer: str
    learned: Any
    layer: str
    value: Any


def differences(sending: Sending) -> list[Difference]:
    """The keys for which the often expected precedence would give another value than Celery does."""
    sources = given(sending)
    found = []
    for key in KEYS:
        real, learned = winner(sources, key), winner(sources, key, LEARNED)
        if real and learned and plain(sources[real][key]) != plain(sources[learned][key]):
            found.append(Difference(key, learned, plain(sources[learned][key]), real, plain(sources[real][key])))
    return found


def _settings(sending: Sending) -> list[Step]:
    found = []
    for mapped in sending.question.mapped:
        layer = "router" if mapped.name == "task_routes" else "queue" if mapped.name == "task_queues" else "default"
        why = f"{mapped.given} is another name of {mapped.name}" + (" and is read as that." if mapped.used else ", which is also set and counts instead.")
        found.append(Step(layer, mapped.given, mapped.name, None if mapped.used else layer, why))
    unread = [table for table in sending.question.settings.task_annotations or () if isinstance(table, str)]
    found += [Step("task", "task_annotations", name, None, f"{name} is code that is not run here, so what it sets is unknown.") for name in unread]
    return found


def _opaque(sending: Sending) -> list[Step]:
    return [
        Step("router", f"task_routes[{one.index}]", one.name, None, f"{one.name} {one.why}: its answer is unknown and taken as none.")
        for one in sending.route.opaque
    ]


def _near(sending: Sending) -> list[Step]:
    """Routes that nearly fit, where no layer named a queue."""
    if sending.route.answer is not None or not (sending.default_added or sending.queue_is_default) or sending.outcome.error:
        return []
    name = sending.call.get("route_name") or sending.question.task
    entries = (entry for router in sending.question.settings.routers if isinstance(router, dict | list) for entry in RouteTable(router).names)
    return [
        Step("router", "task_routes", near.entry, "default", f"The route {near.entry!r} nearly fits the task's name, but does not: {near.why}.")
        for near in near_routes(entries, name)
    ]


def _sources(sending: Sending) -> list[Step]:
    sources, differing = given(sending), {one.key for one in differences(sending)}
    found = []
    for layer in LAYERS:
        found += [_source(sending, sources, layer, key, key in differing) for key in KEYS if key in sources[layer]]
    found += [_without_effect(sending, key) for key in sending.call if key not in _PUBLISH_OPTIONS]
    if "exchange_type" in sending.question.attributes:
        kind = sending.question.attributes["exchange_type"]
        found.append(Step("task", "exchange_type", plain(kind), None, "Celery does not take exchange_type from a task's attributes, so it changes nothing."))
    if sending.route.answer is not None and not sending.route.answer:
        found.append(Step("router", sending.route.entry, {}, None, f"{sending.route.entry} answered with nothing, which ends the search without a route."))
    return found


def _without_effect(sending: Sending, key: str) -> Step:
    return Step("option", key, plain(sending.call[key]), None, f"Celery knows no option {key} of a publish, so it changes nothing (a router may read it).")


def _source(sending: Sending, sources: dict[str, dict[str, Any]], layer: str, key: str, differs: bool) -> Step:
    value = plain(sources[layer][key])
    real = winner(sources, key)
    whose = f"{_whose(sending, layer)} {key} {value!r}"
    if value is None:
        hides = sending.attributes.get(key) is not None
        return Step(layer, key, None, None, f"An explicit None in the call {'hides the task attribute ' + key if hides else 'gives no ' + key}.")
    if real != layer:
        hidden = layer == "task" and sources["option"].get(key, "") is None
        beaten_by = "option" if hidden else real or "option"
        why = f"{whose}, which {'an explicit None in the call hides' if hidden else 'loses to ' + _NAMES[beaten_by]}."
        if differs and winner(sources, key, LEARNED) == layer:
            why = (
                f"{whose}; by {EXPECTED_ORDER} it would win, but Celery merges key by key and a router's value comes last, so it loses to {_NAMES[beaten_by]}."
            )
        return Step(layer, key, value, beaten_by, why)
    lost_to, reason = _fate(sending, sources, key)
    if lost_to:
        return Step(layer, key, value, lost_to, f"{whose}, which {reason}.")
    return Step(layer, key, value, None, f"{whose}, and that stands.")


def _whose(sending: Sending, layer: str) -> str:
    if layer == "router":
        return f"The route {sending.route.entry!r} (task_routes, router {sending.route.index + 1}) gives"
    if layer == "default":
        return "Neither the call nor the task's class nor a route names a queue, so the default counts: task_default_queue gives"
    return "The call gives" if layer == "option" else "The task's attributes (or task_annotations and settings) give"


def _fate(sending: Sending, sources: dict[str, dict[str, Any]], key: str) -> tuple[str | None, str]:
    """What became of a value that won the merge: the layer that made it void, and why."""
    if sending.outcome.error or key == "priority":
        return None, ""
    if sending.delay is not None and key in ("queue", "exchange", "routing_key"):
        return "delayed", "is set aside by native delayed delivery, which uses the queue's own key"
    if sending.shortcut and key == "exchange" and sending.merged.get("exchange"):
        return "queue", "is ignored: no routing key is named beside it, so Celery sends straight to the queue, through the default exchange"
    if sending.shortcut and key == "routing_key" and sending.merged.get("routing_key"):
        return "queue", "is ignored: no exchange is named beside it, so Celery sends straight to the queue, and there the key is the queue's name"
    if key == "queue" and not sending.shortcut and sending.merged.get("exchange") is not None:
        return winner(sources, "exchange") or "queue", "is only declared: the message goes to the exchange and key that were given"
    return None, ""


def _queue(sending: Sending) -> list[Step]:
    out, queue = sending.outcome, sending.queue
    found = [
        Step("queue", name, name, None, f"Queue {name!r} is not in task_queues, so Celery makes it (task_create_missing_queues).") for name in sending.made
    ]
    if out.error or sending.delay is not None:
        return found
    if sending.shortcut and queue is None:
        why = "There is no queue and no routing key, so the message goes to the default exchange with an empty key and is lost."
        return [*found, Step("queue", "routing_key", "", None, why)]
    if sending.shortcut and queue is not None:
        why = f"The exchange type is direct, so Celery publishes to the default exchange with the queue's name {queue.name!r} as key; bindings are not used."
        key = Step("queue", "routing_key", queue.name, None, f"The queue's name {queue.name!r} is the key.")
        return [*found, Step("queue", "exchange", "", None, why), key]
    if sending.merged.get("exchange") is not None or queue is None:
        return found
    why = f"Queue {queue.name!r} belongs to exchange {out.exchange!r} of type {sending.exchange_type}, which is published to."
    found.append(Step("queue", "exchange", out.exchange, None, why))
    if queue.broadcast:
        why = f"{queue.alias or queue.name} is a broadcast: every worker has a queue of its own on {out.exchange!r}, and the sender declares none of them."
        found.append(Step("queue", "queue", queue.name, None, why))
    if sending.key_from == "queue":
        why = f"No routing key is set, so the queue's own binding key {out.routing_key!r} is used as it stands"
        pattern = sending.exchange_type == "topic" and any(word in ("*", "#") for word in queue.routing_key.split("."))
        found.append(Step("queue", "routing_key", out.routing_key, None, why + (", pattern and all." if pattern else ".")))
    return found


def _delay(sending: Sending) -> list[Step]:
    call = sending.call
    if not (call.get("eta") or call.get("countdown")):
        return []
    key = "eta" if call.get("eta") else "countdown"
    if sending.delay is not None:
        seconds, own = sending.delay
        why = f"Queue {sending.quorum_queue!r} is a quorum queue, so the task waits {seconds} s in delay exchanges and then continues with the key {own!r}."
        delayed_key = Step("delayed", "routing_key", sending.outcome.routing_key, None, f"The delay of {seconds} s in binary, then the queue's own key.")
        return [Step("delayed", "exchange", DELAYED_EXCHANGE.name, None, why), delayed_key]
    if sending.direct_delay:
        why = "Native delayed delivery does not work with a direct exchange, so the task is sent at once and a worker holds it until its time."
    elif sending.quorum_queue is not None:
        why = "The time is not in the future, so the task is sent as usual."
    else:
        why = "The task is sent at once to the same place, and a worker holds it until its time."
    return [Step("delayed", key, plain(call[key]), None, why)]


def _error(sending: Sending) -> list[Step]:
    error = sending.outcome.error
    if error is None:
        return []
    name = error.partition(":")[0]
    layer = "queue" if name in ("QueueNotFound", "AttributeError") else "delayed" if name == "KeyError" else "router"
    layer = "delayed" if "routing_key must be" in error or "countdown must be" in error else layer
    return [Step(layer, "error", error, None, f"Celery raises this in the sender, so nothing is sent: {error}.")]
