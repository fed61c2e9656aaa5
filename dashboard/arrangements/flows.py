"""Queues of a virtual host with the same producers' machines, node and consumers' machines, as one flow. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from dashboard.arrangements.arrangement import FIVE, SEVERAL, UNKNOWN, Arrangement, arrangement, of_possible
from dashboard.arrangements.machines import Client, Machine, Machines

_ORDER = (SEVERAL, *FIVE, UNKNOWN)
NOT_VISIBLE = "who publishes is visible only to people who may view the whole virtual host"


class QueueClients(msgspec.Struct, frozen=True):
    """A queue with its clients. `producers` publish to it; `possible` may do so: they publish to an exchange from where it is not known which queue they
    reach, or it is not known where they publish. `hidden`: who publishes is not visible to the person."""

    pk: int
    name: str
    node: str
    consumers: tuple[Client, ...] = ()
    producers: tuple[Client, ...] = ()
    possible: tuple[Client, ...] = ()
    hidden: bool = False


class Here(msgspec.Struct, frozen=True):
    """A machine, and how many clients of one role are there; where the machine is not known, how many clients that is the case of."""

    machine: Machine
    clients: int


class Flow(msgspec.Struct, frozen=True):
    """`queues`: (primary key, name). `producers_possible`: it is not known which of the producers publish to it."""

    queues: tuple[tuple[int, str], ...]
    producers: tuple[Here, ...]
    broker: Machine
    consumers: tuple[Here, ...]
    arrangement: Arrangement
    producers_possible: bool = False


def flows(queues: Iterable[QueueClients], machines: Machines) -> list[Flow]:
    """The flows of a virtual host: those with a named arrangement first, of each the one with the most queues first."""
    grouped: dict[tuple[object, ...], list[tuple[QueueClients, _Placed]]] = {}
    for queue in queues:
        placed = _Placed(queue, machines)
        grouped.setdefault(placed.key, []).append((queue, placed))
    found = [_flow([queue for queue, _ in members], [placed for _, placed in members]) for members in grouped.values()]
    return sorted(found, key=lambda flow: (_ORDER.index(flow.arrangement.word), -len(flow.queues), flow.queues))


class _Placed:
    """The machines of a queue's clients."""

    def __init__(self, queue: QueueClients, machines: Machines) -> None:
        self.broker = machines.of_node(queue.node)
        self.consumers = Counter(machines.of_client(client) for client in queue.consumers)
        self.possible = bool(queue.possible) and not queue.hidden
        self.producers = Counter(machines.of_client(client) for client in (*queue.producers, *queue.possible))
        if queue.hidden:
            self.arrangement = Arrangement(UNKNOWN, unknown=[NOT_VISIBLE])
        elif self.possible:
            self.arrangement = of_possible(sorted(self.producers), self.broker, self.consumers)
        else:
            self.arrangement = arrangement(self.producers, self.broker, self.consumers)

    @property
    def key(self) -> tuple[object, ...]:
        return frozenset(self.producers), self.possible, self.broker, frozenset(self.consumers), tuple(self.arrangement.unknown)


def _flow(queues: Sequence[QueueClients], placed: Sequence[_Placed]) -> Flow:
    first = placed[0]
    named = tuple(sorted(((queue.pk, queue.name) for queue in queues), key=lambda one: one[1]))
    return Flow(named, _here([one.producers for one in placed]), first.broker, _here([one.consumers for one in placed]), first.arrangement, first.possible)


def _here(counted: Sequence[Counter[Machine]]) -> tuple[Here, ...]:
    """The machines, each with the most clients that one of the queues has there: the same connection may serve several queues."""
    most: dict[Machine, int] = {}
    for one in counted:
        for machine, clients in one.items():
            most[machine] = max(most.get(machine, 0), clients)
    return tuple(Here(machine, most[machine]) for machine in sorted(most))
