"""The graph of a virtual host's definitions: each exchange, queue and binding once, and arrows by settings."""

from __future__ import annotations

from typing import Any

from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import PollMemory
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.layout.map_links import EXCHANGE, QUEUE, node_id
from dashboard.map.graph import Edge, Graph, Key
from dashboard.map.structure import Settings, structure
from tests.brokers.facts import NOON
from tests.brokers.polled import poll_once
from tests.conftest import TestNode
from workers.celery_names import CeleryNames

HOSTILE = ("<script>alert(1)</script>", "مرحبا‮ evil", "a/b?c=d&e#f", "ü" * 127, "x" * 255, " ", "\"'`", "\\N{}$`")


def made(*bindings: tuple[str, str, str], queues: dict[str, dict[str, Any]], exchanges: dict[str, dict[str, Any]], settings: Settings | None = None) -> Graph:
    """The graph of topic exchanges and queues by their arguments; a binding is (exchange, key, destination)."""
    topology = Topology(
        "/",
        tuple(ExchangeDefinition(name, "topic" if name else "direct", arguments=arguments) for name, arguments in exchanges.items()),
        tuple(QueueDefinition(name, "classic", arguments=arguments) for name, arguments in queues.items()),
        tuple(BindingDefinition(source, destination, "queue" if destination in queues else "exchange", key) for source, key, destination in bindings),
    )
    return structure(1, topology, settings or {}, CeleryNames())


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    """(name, kind, name)."""
    return {(graph.nodes[edge.source].name, edge.kind, graph.nodes[edge.target].name) for edge in graph.edges.values()}


def own(graph: Graph) -> dict[str, str]:
    return {node.name: node.own for node in graph.nodes.values()}


def test_bindings_between_the_same_two_are_one_edge_with_each_key() -> None:
    found = made(("orders", "a", "mail"), ("orders", "b.*", "mail"), queues={"mail": {}}, exchanges={"orders": {}})
    assert [edge.keys for edge in found.edges.values()] == [[Key("a"), Key("b.*")]]


def test_the_default_exchange_leads_only_where_nothing_else_does() -> None:
    bound = [("", "mail", "mail"), ("", "jobs", "jobs"), ("orders", "a", "mail")]
    found = made(*bound, queues={"mail": {}, "jobs": {}}, exchanges={"": {}, "orders": {}})
    assert edges(found) == {("orders", "binding", "mail"), ("", "binding", "jobs")}


def test_alternates_and_dead_letters_are_arrows_by_argument_and_by_policy() -> None:
    queues: dict[str, dict[str, Any]] = {
        "own": {"x-dead-letter-exchange": "dead"},
        "straight": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "own"},
        "by policy": {},
        "nowhere": {"x-dead-letter-exchange": "missing"},
    }
    settings = {("queue", "by policy"): {"dead-letter-exchange": "dead"}, ("exchange", "orders"): {"alternate-exchange": "lost"}}
    exchanges: dict[str, dict[str, Any]] = {"orders": {}, "fixed": {"alternate-exchange": "orders"}, "lost": {}, "dead": {}}
    assert edges(made(queues=queues, exchanges=exchanges, settings=settings)) == {
        ("own", "dead_letter", "dead"), ("by policy", "dead_letter", "dead"), ("straight", "dead_letter", "own"),
        ("orders", "alternate", "lost"), ("fixed", "alternate", "orders"),
    }  # fmt: skip


def test_an_argument_takes_precedence_over_a_policy() -> None:
    settings = {("queue", "mail"): {"dead-letter-exchange": "other"}}
    found = made(queues={"mail": {"x-dead-letter-exchange": "dead"}}, exchanges={"dead": {}, "other": {}}, settings=settings)
    assert edges(found) == {("mail", "dead_letter", "dead")}


def test_cycles_of_exchanges_and_an_exchange_that_is_bound_to_itself_are_edges_like_any_other() -> None:
    found = made(("a", "#", "b"), ("b", "#", "a"), ("a", "#", "a"), queues={}, exchanges={"a": {}, "b": {}})
    assert edges(found) == {("a", "exchange", "b"), ("b", "exchange", "a"), ("a", "exchange", "a")}
    one = next(node.id for node in found.nodes.values() if node.name == "a")
    assert sorted(edge.target == edge.source for edge in found.of(one)) == [False, False, True]


def test_machinery_is_known_by_its_names() -> None:
    queues = ("a@web.celery.pidbox", "celeryev.1", "celery_delayed_3", "hareline.1.events", "6f1.reply.celery.pidbox", "mail")
    exchanges = ("celery.pidbox", "reply.celery.pidbox", "celeryev", "celery_delayed_27", "celery_delayed_delivery", "amq.topic", "orders")
    found = own(made(("orders", "a", "mail"), queues={name: {} for name in queues}, exchanges={name: {} for name in exchanges}))
    assert found == {
        "a@web.celery.pidbox": "control", "celeryev.1": "events", "celery_delayed_3": "delayed", "hareline.1.events": "hareline", "mail": "",
        "6f1.reply.celery.pidbox": "control", "celery.pidbox": "control", "reply.celery.pidbox": "control", "celeryev": "events",
        "celery_delayed_27": "delayed", "celery_delayed_delivery": "delayed", "amq.topic": "unused", "orders": "",
    }  # fmt: skip


def test_a_graph_that_is_extended_stays_as_it_was() -> None:
    found = made(("orders", "a", "mail"), queues={"mail": {}}, exchanges={"orders": {}})
    mail = node_id(QUEUE, 1, "/", "mail")
    more = found.extended([], [Edge(mail, mail, "consume"), Edge(mail, "nothing", "consume")])
    assert (len(found.edges), len(found.of(mail))) == (1, 1)
    assert (len(more.edges), len(more.of(mail))) == (2, 2)


def test_the_graph_has_every_exchange_queue_and_binding_of_a_real_broker_once(rabbitmq: TestNode, vhost: str) -> None:
    usual = {"durable": True, "auto_delete": False}
    exchanges = [
        *({**usual, "name": name, "type": "topic", "internal": False, "arguments": {}} for name in HOSTILE),
        {**usual, "name": "h", "type": "headers", "internal": False, "arguments": {"alternate-exchange": HOSTILE[0]}},
    ]
    queues = [{**usual, "name": name, "arguments": {"x-dead-letter-exchange": HOSTILE[1]}} for name in HOSTILE]
    bindings = [
        {"source": source, "destination": destination, "destination_type": kind, "routing_key": key, "arguments": {}}
        for source, destination in zip(HOSTILE, HOSTILE[1:] + HOSTILE[:1], strict=True)
        for kind, key in (("queue", "#"), ("queue", destination), ("exchange", "a.*"))
    ]
    to_last = {"source": "h", "destination": "x" * 255, "destination_type": "queue", "routing_key": ""}
    by_headers = [{**to_last, "arguments": {"x-match": "any", "n": number}} for number in (1, 2)]
    rabbitmq.api("POST", f"definitions/{vhost}", {"exchanges": exchanges, "queues": queues, "bindings": bindings + by_headers})
    exported = rabbitmq.api("GET", f"definitions/{vhost}")
    topology = (poll_once(ManagementApi(rabbitmq.address()), NOON, PollMemory()).topologies or {})[vhost]
    found = structure(1, topology, {}, CeleryNames())
    names = {kind: sorted(node.name for node in found.nodes.values() if node.kind == kind and node.own != "unused" and node.name) for kind in (EXCHANGE, QUEUE)}
    assert names == {EXCHANGE: sorted(one["name"] for one in exported["exchanges"]), QUEUE: sorted(one["name"] for one in exported["queues"])}
    drawn = [
        (found.nodes[edge.source].name, found.nodes[edge.target].name, found.nodes[edge.target].kind, key.routing_key, str(key.arguments or {}))
        for edge in found.edges.values() if edge.kind in ("binding", "exchange") and not edge.note
        for key in edge.keys
    ]  # fmt: skip
    fields = ("source", "destination", "destination_type", "routing_key")
    assert sorted(drawn) == sorted((*(one[field] for field in fields), str(one["arguments"])) for one in exported["bindings"])
    assert len(exported["bindings"]) == len(bindings) + len(by_headers)
    assert sum(edge.kind == "dead_letter" for edge in found.edges.values()) == len(HOSTILE)
    assert [found.nodes[edge.target].name for edge in found.edges.values() if edge.kind == "alternate"] == [HOSTILE[0]]
