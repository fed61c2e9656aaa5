"""On which machine each client and each node of the broker is, by addresses and names, and where that can't be known. Pure.

A client is on the broker's machine where it connects from the address that it connects to, or by loopback: unless something there passes connections on.
What a worker node calls itself (`mail@web-1`) shows where that is so: several host names behind one address, or another one than the broker's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

import msgspec

from dashboard.arrangements.declared import SHARED, Declared, read_address

_CONTAINER = re.compile(r"[0-9a-f]{12}|.+-[0-9a-f]{7,10}-[a-z0-9]{5}|.+-[bcdfghjklmnpqrstvwxz2456789]{5}", re.ASCII)
"""Host names that Docker (the id's first digits) and Kubernetes (of a Deployment or DaemonSet) give."""
_LOCAL_NAMES = {"", "localhost", "localhost.localdomain"}


class Client(msgspec.Struct, frozen=True):
    """One end of a connection. `connection` is its name, "10.0.0.5:52008 -> 10.0.0.2:5672"; `node` that of the broker; `hostname` of a worker node or a
    sender of tasks, else "". `peer` is "" of a program of which no connection is known."""

    connection: str
    peer: str = ""
    node: str = ""
    hostname: str = ""

    @property
    def host(self) -> str:
        """The host name of a worker node, "" of what is none, or where it does not name a host."""
        host = self.hostname.rpartition("@")[2].lower()
        return "" if host in _LOCAL_NAMES else host

    @property
    def broker_end(self) -> str:
        """The broker's address as the client sees it; "" where the connection's name has none."""
        return _without_port(self.connection.partition(" -> ")[2])


class Machine(msgspec.Struct, frozen=True, order=True):
    """`name` is "" where it can't be known, for the reason in `unknown`, a clause. `contained`: by its name a container, which may share its machine with
    others. `known_by`: only its name or only its address is known, else ""; two that are known by different things can't be compared."""

    name: str = ""
    unknown: str = ""
    contained: bool = False
    known_by: Literal["", "name", "address"] = ""


class Machines:
    """Places the clients of a broker, given all of them: what one connection does not show, another may."""

    def __init__(self, clients: Iterable[Client], declared: Declared) -> None:
        self._declared = declared
        self._hosts: dict[str, set[str]] = defaultdict(set)  # by address the host names of worker nodes there
        self._addresses: dict[str, set[str]] = defaultdict(set)  # the reverse
        self._ends: dict[str, set[str]] = defaultdict(set)  # by node of the broker its addresses
        self._nodes: dict[str, set[str]] = defaultdict(set)  # the reverse
        for client in clients:
            if client.host and client.peer:
                self._hosts[client.peer].add(client.host)
                self._addresses[client.host].add(client.peer)
            if client.node and (end := client.broker_end):
                self._ends[client.node].add(end)
                if not _is_loopback(end):
                    self._nodes[end].add(client.node)

    def of_node(self, node: str) -> Machine:
        """The machine of a node of the broker."""
        if not node:
            return Machine(unknown="the broker does not report which of its nodes has the queue")
        named = self._declared.of_name(node)
        named = named or next((found for end in sorted(self._ends.get(node, ())) if (found := self._declared.of_address(end))), None)
        if named == SHARED:
            return Machine(unknown=f"the node {node} is declared to be behind an address that several machines share")
        only_address = not named and _host_of(node) in _LOCAL_NAMES
        return Machine(named or _machine_of(node), "", not named and _is_container(_host_of(node)), "address" if only_address else "")

    def of_client(self, client: Client) -> Machine:
        """The machine of a client. What is declared comes first: by its host name, then by its address."""
        declared = (self._declared.of_name(client.host) if client.host else None) or self._declared.of_address(client.peer)
        if declared == SHARED:
            return Machine(unknown=f"{client.peer} is declared as an address that several machines share")
        if declared:
            return Machine(declared)
        if client.host and not client.peer:
            return self._of_host(client.host, client.node)
        if read_address(client.peer) is None:
            return Machine(unknown="the broker does not report the address of a client" if not client.peer else f"{client.peer} is not an address")
        if len(hosts := self._hosts.get(client.peer, set())) > 1:
            shown = ", ".join(sorted(hosts)[:3])
            return Machine(unknown=f"worker nodes of several hosts ({shown}) connect from {client.peer}: a proxy, NAT, containers, or names that were chosen")
        node = self._node_at(client)
        if node is None:
            host = next(iter(hosts), "")
            if len(addresses := self._addresses.get(host, set())) > 1:
                return Machine(unknown=f"{host} connects from several addresses ({', '.join(sorted(addresses)[:3])}): one machine, or several of that name")
            return Machine(host or client.peer, "", _is_container(host), "" if host else "address")
        if _is_gateway(client.peer, client.broker_end):
            return Machine(unknown=f"{client.peer} is the gateway of a network of containers, behind which any machine may be")
        there, here = _host_of(node), next(iter(hosts), "")
        if here and there not in _LOCAL_NAMES and _first(here) != _first(there):
            return Machine(unknown=f"{client.peer} is an address of {node}, and a worker node there calls its host {here}: a proxy, a tunnel or a container")
        return self.of_node(node)

    def _of_host(self, host: str, node: str) -> Machine:
        """The machine of a program of which only the host name is known."""
        if addresses := self._addresses.get(host):
            return self.of_client(Client("", sorted(addresses)[0], node, f"@{host}"))
        if _first(host) == _first(_host_of(node)):
            return self.of_node(node)
        return Machine(host, "", _is_container(host), "name")

    def _node_at(self, client: Client) -> str | None:
        """The node of the broker on whose machine the client's address is; None: another machine."""
        if client.peer == client.broker_end or _is_loopback(client.peer):
            return client.node or None
        if _is_gateway(client.peer, client.broker_end):
            return client.node or None
        return next(iter(sorted(self._nodes.get(client.peer, ()))), None)


def _machine_of(node: str) -> str:
    """What to call the machine of a node: its host, or the node itself where that is only `localhost`."""
    host = _host_of(node)
    return node if host in _LOCAL_NAMES else host


def _host_of(node: str) -> str:
    return node.rpartition("@")[2].lower()


def _first(host: str) -> str:
    """A short name and one with its domain are the same host."""
    return host.partition(".")[0]


def _is_container(host: str) -> bool:
    """
    >>> _is_container("3f2a9c1b7d4e"), _is_container("shop-web-7d9c6bb9f4-x2x9z"), _is_container("web-1")
    (True, True, False)
    """
    return bool(host) and _CONTAINER.fullmatch(host) is not None


def _is_loopback(text: str) -> bool:
    return (address := read_address(text)) is not None and address.is_loopback


def _is_gateway(peer: str, end: str) -> bool:
    """Whether a client comes from the first address of the network of containers (Docker's, in 172.16.0.0/12) in which the broker is.

    >>> _is_gateway("172.17.0.1", "172.17.0.2"), _is_gateway("10.0.0.1", "10.0.0.2")
    (True, False)
    """
    return peer != end and re.fullmatch(r"172\.(1[6-9]|2\d|3[01])\.0\.1", peer) is not None and end.startswith(peer.removesuffix("0.1"))


def _without_port(text: str) -> str:
    """
    >>> _without_port("10.0.0.2:5672"), _without_port("[::1]:5672"), _without_port("")
    ('10.0.0.2', '::1', '')
    """
    return text.rpartition(":")[0].strip("[]")
