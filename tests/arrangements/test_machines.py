"""Which machine a client is on, by its address, its host name and what is declared; and when that can't be known."""

from __future__ import annotations

import pytest

from dashboard.arrangements.declared import Declared, InvalidMachines, parse
from dashboard.arrangements.machines import Client, Machine, Machines
from tests.every_case import every_case

NODE = "rabbit@mq-1"


def client(peer: str, hostname: str = "", end: str = "10.0.0.2", node: str = NODE) -> Client:
    return Client(f"{peer}:5{len(hostname)} -> {end}:5672", peer, node, hostname)


PLACES = [
    ("another address is another machine", [client("10.0.0.5")], "", "10.0.0.5"),
    ("a worker node names its machine", [client("10.0.0.5", "mail@web-1")], "", "web-1"),
    ("a program beside a worker node is on the same machine", [client("10.0.0.5"), client("10.0.0.5", "mail@web-1")], "", "web-1"),
    ("two worker nodes of one host", [client("10.0.0.5", "a@web-1"), client("10.0.0.5", "b@web-1")], "", "web-1"),
    ("who connects from the broker's own address is there", [client("10.0.0.2")], "", "mq-1"),
    ("loopback is the broker's machine", [client("127.0.0.1", end="127.0.0.1")], "", "mq-1"),
    ("any address of loopback is", [client("127.0.0.9", end="127.0.0.1")], "", "mq-1"),
    ("loopback of IPv6 is too", [client("::1", end="::1")], "", "mq-1"),
    ("a worker node with a domain, on the broker's machine", [client("10.0.0.2", "a@mq-1.example.com")], "", "mq-1"),
    ("what is declared comes first", [client("127.0.0.1", end="127.0.0.1")], "shop=127.0.0.1", "shop"),
    ("by the host name before the address", [client("10.0.0.5", "a@web-1")], "one=10.0.0.5,two=web-1", "two"),
    ("the narrowest network counts", [client("10.0.0.5")], "?=10.0.0.0/8,web=10.0.0.0/24", "web"),
    ("IPv4 in the form of IPv6", [client("::ffff:10.0.0.5")], "web=10.0.0.5", "web"),
    ("another node's address is that node's machine", [client("10.0.0.3"), client("10.0.0.7", end="10.0.0.3", node="rabbit@mq-2")], "", "mq-2"),
    ("a name that is only localhost says nothing", [client("10.0.0.5", "a@localhost")], "", "10.0.0.5"),
]


@every_case("case", PLACES, lambda case: case[0])
def test_a_client_is_on_the_machine_that_its_addresses_show(case: tuple[str, list[Client], str, str]) -> None:
    _, clients, declared, expected = case
    assert Machines(clients, parse(declared)).of_client(clients[0]).name == expected


UNKNOWN = [
    ("the address is not reported", [client("")], "", "does not report the address"),
    ("several hosts behind one address", [client("10.0.0.9", "a@web-1"), client("10.0.0.9", "b@web-2")], "", "worker nodes of several hosts (web-1, web-2)"),
    ("one host with several addresses", [client("10.0.0.5", "a@app"), client("10.0.0.6", "b@app")], "", "app connects from several addresses"),
    ("declared as shared", [client("10.42.0.7")], "?=10.42.0.0/16", "declared as an address that several machines share"),
    ("the gateway of a network of containers", [client("172.17.0.1", end="172.17.0.2")], "", "gateway of a network of containers"),
    ("a worker node on the broker's address with another host name", [client("127.0.0.1", "a@web-1", end="127.0.0.1")], "", "calls its host web-1"),
]


@every_case("case", UNKNOWN, lambda case: case[0])
def test_what_can_not_be_known_is_unknown_with_its_reason(case: tuple[str, list[Client], str, str]) -> None:
    _, clients, declared, reason = case
    found = Machines(clients, parse(declared)).of_client(clients[0])
    assert found.name == "" and reason in found.unknown


def test_a_node_of_the_broker_is_called_by_its_host_or_as_it_is_declared() -> None:
    clients = [client("10.0.0.5")]
    assert Machines(clients, Declared()).of_node(NODE) == Machine("mq-1")
    assert Machines(clients, parse("broker=rabbit@mq-1")).of_node(NODE).name == "broker"
    assert Machines(clients, parse("broker=mq-1")).of_node(NODE).name == "broker"
    assert Machines(clients, parse("broker=10.0.0.2")).of_node(NODE).name == "broker"
    assert "several machines share" in Machines(clients, parse("?=10.0.0.2")).of_node(NODE).unknown
    assert Machines([], Declared()).of_node("rabbit@localhost") == Machine("rabbit@localhost", known_by="address")
    assert Machines([], Declared()).of_node("").name == ""


def test_a_sender_of_tasks_is_where_its_host_is_known_to_be() -> None:
    worker = client("10.0.0.5", "mail@web-1")
    machines = Machines([worker], parse("shop=web-9"))
    assert machines.of_client(Client("", "", NODE, "gen7@web-1")) == machines.of_client(worker)
    assert machines.of_client(Client("", "", NODE, "gen7@mq-1")) == machines.of_node(NODE)
    assert machines.of_client(Client("", "", NODE, "gen7@web-9")).name == "shop"
    assert machines.of_client(Client("", "", NODE, "gen7@web-3")) == Machine("web-3", known_by="name")


@pytest.mark.parametrize("text", ["web", "web=", "=10.0.0.1", "web=10.0.0.1/99", "a=10.0.0.1,b=10.0.0.1"])
def test_a_declaration_that_can_not_be_used_is_refused(text: str) -> None:
    with pytest.raises(InvalidMachines):
        parse(text)
