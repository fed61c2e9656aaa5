"""What is wrong with the topology of a virtual host by itself, whatever is published: bindings, alternates and dead letters that lead nowhere. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from brokers.routing.binding_faults import BindingFault, binding_faults
from brokers.routing.dead_ends import alternates_to_nowhere, dead_letter_loops, dead_letters_to_nowhere, without_way_out
from brokers.routing.past import DELAYED_DELIVERY, is_delay_level
from brokers.routing.virtual_host import VirtualHostRouter

What = Literal["bindings", "no way out", "alternate", "dead letters", "loop", "unknown"]
MOST_OF_A_KIND, MOST_BINDINGS = 100, 5
NO_WAY_OUT: What = "no way out"
OF_RABBITMQ = "amq.rabbitmq."


class TopologyFault(msgspec.Struct, frozen=True):
    """`name` of an exchange, or of a queue ("dead letters", "loop"). `target`: where it sends what it can't route or keep, `missing` if that does not exist,
    `key` with which routing key (None: each message's own). `queues` of a loop, and its `kind`. `bindings`: the first of `count`.
    "unknown": the topology can't be looked at."""

    what: What
    vhost: str
    name: str
    target: str = ""
    missing: bool = False
    key: str | None = None
    queues: tuple[str, ...] = ()
    kind: str = ""
    bindings: tuple[BindingFault, ...] = ()
    count: int = 0
    pk: int | None = None


def is_of_queue(fault: TopologyFault) -> bool:
    return fault.what in ("dead letters", "loop")


def faults(router: VirtualHostRouter, machinery: Collection[str] = ()) -> list[TopologyFault]:
    """Everything that is wrong, of each kind but exchanges without a way out the first MOST_OF_A_KIND. `machinery`: exchanges of Celery's
    events and remote control, which are bound only while somebody listens."""
    vhost, own = router.vhost, {*machinery, DELAYED_DELIVERY}
    dead = {name for name in without_way_out(router) if not _is_left_out(name, own)}
    found: list[TopologyFault] = []
    for name, exchange in sorted(router.exchanges.items()):
        if not _is_left_out(name, own) and (wrong := binding_faults(exchange)):
            found.append(TopologyFault("bindings", vhost, name, bindings=tuple(wrong[:MOST_BINDINGS]), count=len(wrong)))
    found += [TopologyFault(NO_WAY_OUT, vhost, name) for name in sorted(dead)]
    found += [TopologyFault("alternate", vhost, one.name, one.target, one.missing) for one in alternates_to_nowhere(router, dead)]
    found += [TopologyFault("dead letters", vhost, one.name, one.target, one.missing, one.key) for one in dead_letters_to_nowhere(router, dead)]
    found += [TopologyFault("loop", vhost, one.queues[0], queues=one.queues, kind=one.kind) for one in dead_letter_loops(router)]
    return list(_first_of_each(found))


def _is_left_out(name: str, own: Collection[str]) -> bool:
    return name in own or name.startswith(OF_RABBITMQ) or is_delay_level(name)


def _first_of_each(found: Iterable[TopologyFault]) -> Iterable[TopologyFault]:
    counted: dict[str, int] = {}
    for one in found:
        if one.what == NO_WAY_OUT:  # of these only the ones that are published to count, which is not known here
            yield one
            continue
        counted[one.what] = counted.get(one.what, 0) + 1
        if counted[one.what] <= MOST_OF_A_KIND:
            yield one
