"""What the polls of a broker with many queues cost it, against RabbitMQ's own page of queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from script.bench_parts import big_broker
from script.bench_parts.rows import Row, at_least, percentile
from script.rabbitmq_node import RabbitNode

POLLS, PEER_READS, LIST_READS = 24, 6, 3
POLL_SECONDS = 5.0
ANSWER_SECONDS = 90.0  # of a node that has just made all these queues
GOAL_TIMES = 2
TOPOLOGY, STATES = "exchanges, bindings, policies", "states of queues"
SIGNED = (TOPOLOGY, STATES)  # the node counts transactions, and its queues are classic ones, so that every change has a sign


def rows(node: RabbitNode, queues: int, polls: int = POLLS) -> Iterator[Row]:
    """Two minutes of polls of the depths, one after the other, and each list of the inventory by itself, shared out over the polls between two readings."""
    from brokers.addresses import BrokerAddress
    from brokers.management.management_api import Limits, ManagementApi
    from brokers.polling.depth_poll import poll_depths
    from brokers.polling.inventory import read_inventory
    from brokers.polling.poll_memory import EVERY, LastRead, PollMemory
    from brokers.polling.queue_properties import POLICIES_EVERY

    api = ManagementApi(
        BrokerAddress("bench", (node.management_url,), node.user, node.password), None, Limits(read_seconds=ANSWER_SECONDS, total_seconds=ANSWER_SECONDS)
    )
    memory = PollMemory()
    moments = iter([datetime.now(UTC) + timedelta(seconds=POLL_SECONDS * number) for number in range(polls + 1)])
    poll_depths(api, first := next(moments), memory)  # the first reads more
    read_inventory(api, first, memory)  # so that the list of consumers is known, whose changes are a sign
    cost = big_broker.Cost(node)
    depths_cpu, took = cost.of(lambda: poll_depths(api, next(moments), memory), polls)

    lists: dict[str, tuple[Callable[[], Any], timedelta | None]] = {
        TOPOLOGY: (lambda: [read() for read in (api.bindings, api.policies, api.operator_policies)], None),
        "consumers, connections, channels": (lambda: [read() for read in (api.consumers, api.connections, api.channels)], None),
        STATES: (api.queues_totals, None),
        "policies in force": (api.queues_columns, POLICIES_EVERY),
        "permissions": (api.permissions, EVERY),
    }
    inventory_cpu, texts = 0.0, []
    for name, (read, every) in lists.items():
        read()
        cpu, _ = cost.of(read, LIST_READS)
        last = LastRead(seconds=cpu)
        seconds = (every or (last.in_case if name in SIGNED else last.rarely)).total_seconds()
        inventory_cpu += cpu * POLL_SECONDS / seconds
        texts.append(f"{name} {cpu:.2f} s every {seconds:.0f} s")
    peer_cpu, peer_took = cost.of(lambda: node.api("GET", big_broker.PAGE, timeout_seconds=ANSWER_SECONDS), PEER_READS)
    by_depth = f"{big_broker.PAGE}&sort=messages&sort_reverse=true"
    sorted_cpu, sorted_took = cost.of(lambda: node.api("GET", by_depth, timeout_seconds=ANSWER_SECONDS), PEER_READS)
    whole = depths_cpu + inventory_cpu
    ours = f"{whole:.3f} s (depths {depths_cpu:.3f}; {'; '.join(texts)})"
    what = f"{queues:,} queues: broker CPU a poll of everything, any number of viewers"
    for page, cpu in (("by depth", sorted_cpu), ("unsorted", peer_cpu)):
        peer = f"RabbitMQ’s page of queues {page}, a refresh and viewer: {cpu:.2f} s"
        yield Row(what, ours, peer, cpu / max(whole, 0.001), *at_least(GOAL_TIMES, cpu / max(whole, 0.001)))
    peer = f"RabbitMQ’s page: {percentile(peer_took, 50):.0f} ms, sorted {percentile(sorted_took, 50):,.0f} ms"
    ours = f"{percentile(took, 50):.0f} ms (95 %: {percentile(took, 95):.0f})"
    yield Row(f"{queues:,} queues: a poll of the depths takes", ours, peer, percentile(peer_took, 50) / percentile(took, 50))
