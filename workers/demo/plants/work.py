"""How each plant is done and undone.

A plant is a generator: up to its first `yield` it starts, after that it is on and continues every TICK_SECONDS, and its `finally` ends it. REMAINS
remove what a plant may have left where it failed or its process was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from workers.demo.plants import broker_plants, message_plants, node_plants
from workers.demo.plants.site import Site

Work = Callable[[Site], Generator[None]]

WORK: dict[str, Work] = {
    "no_consumer": message_plants.no_consumer,
    "growing": message_plants.growing,
    "stuck": node_plants.stuck,
    "held": message_plants.held,
    "dead_letters": message_plants.dead_letters,
    "unroutable": message_plants.unroutable,
    "binding": broker_plants.binding,
    "worker_killed": node_plants.worker_killed,
    "worker_frozen": node_plants.worker_frozen,
    "failing_task": message_plants.failing_task,
    "no_node": message_plants.no_node,
    "events_off": node_plants.events_off,
    "clock": node_plants.clock,
    "memory_alarm": broker_plants.memory_alarm,
    "broker_stopped": broker_plants.broker_stopped,
    "shovel": broker_plants.shovel,
    "leak": broker_plants.leak,
    "churn": broker_plants.churn,
    "receiver": node_plants.receiver,
}
REMAINS: dict[str, Callable[[Site], None]] = {
    "growing": message_plants.empty_stock,
    "dead_letters": message_plants.empty_dead_letters,
    "no_node": message_plants.delete_unserved,
    "held": message_plants.delete_held,
    "binding": broker_plants.unbind,
    "shovel": broker_plants.remove_shovel,
    "memory_alarm": broker_plants.usual_mark,
    "events_off": node_plants.start_with_events,
    "clock": node_plants.start_on_time,
}
LETS_GO = (broker_plants.let_broker_start, node_plants.let_go)
"""What a killed process of the plants may hold, the broker among it."""
AT_START = (
    *LETS_GO,
    message_plants.purge_dead_letters,
    message_plants.delete_unserved,
    message_plants.delete_held,
    broker_plants.unbind,
    broker_plants.remove_old_bindings,
    broker_plants.remove_left_shovel,
)
"""What may have stayed where an earlier process of the plants was killed: first what needs no broker, as that may be what is held."""
