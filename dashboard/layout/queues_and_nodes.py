"""How queues and worker nodes are arranged: 1:1, 1:M, M:1 or M:M, queues first.

Pure. Of a queue: "1" on the left if its nodes consume nothing else, "1" on the right if a single node consumes it. Of a node likewise: "1" on the left if
it consumes one queue, "1" on the right if no other node consumes any of its queues.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

ONE, MANY = "1", "M"
NONE, UNKNOWN = "none", "unknown"
MEANINGS: Mapping[str, str] = {
    "1:1": "one queue, one node, and nothing else on either side",
    "1:M": "one queue that several nodes consume, and these consume nothing else",
    "M:1": "several queues on one node, which shares none of them",
    "M:M": "several queues on several nodes",
    NONE: "nothing consumes it, or it consumes nothing",
    UNKNOWN: "not known: a consumer can’t be identified, or a node has not reported its queues",
}


class Arrangements(msgspec.Struct, frozen=True):
    """A word of MEANINGS for each queue and each node."""

    queues: Mapping[str, str]
    nodes: Mapping[str, str]


def arrangements(
    queues: Iterable[str], nodes: Iterable[str], cells: Iterable[tuple[str, str]], unclear_queues: Iterable[str] = (), unclear_nodes: Iterable[str] = ()
) -> Arrangements:
    """`cells`: (queue, node) of each node that consumes a queue. `unclear_queues` have a consumer of which the node is unknown, `unclear_nodes` consume
    queues that are unknown.

    >>> found = arrangements(["mail", "jobs"], ["a", "b"], [("mail", "a"), ("jobs", "a"), ("jobs", "b")])
    >>> found.queues, found.nodes
    ({'mail': 'M:1', 'jobs': 'M:M'}, {'a': 'M:M', 'b': '1:M'})
    """
    nodes_of: dict[str, set[str]] = defaultdict(set)
    queues_of: dict[str, set[str]] = defaultdict(set)
    for queue, node in cells:
        nodes_of[queue].add(node)
        queues_of[node].add(queue)
    vague_queues, vague_nodes = frozenset(unclear_queues), frozenset(unclear_nodes)
    return Arrangements({one: _word_of_queue(one, nodes_of, queues_of, vague_queues, vague_nodes) for one in queues},
                        {one: _word_of_node(one, nodes_of, queues_of, vague_queues, vague_nodes) for one in nodes})  # fmt: skip


_Links = Mapping[str, set[str]]


def _word_of_queue(queue: str, nodes_of: _Links, queues_of: _Links, vague_queues: frozenset[str], vague_nodes: frozenset[str]) -> str:
    mine = nodes_of.get(queue, set())
    if queue in vague_queues or mine & vague_nodes:
        return UNKNOWN
    if not mine:
        return NONE
    left = MANY if any(len(queues_of[node]) > 1 for node in mine) else ONE
    return f"{left}:{MANY if len(mine) > 1 else ONE}"


def _word_of_node(node: str, nodes_of: _Links, queues_of: _Links, vague_queues: frozenset[str], vague_nodes: frozenset[str]) -> str:
    mine = queues_of.get(node, set())
    if node in vague_nodes or mine & vague_queues:
        return UNKNOWN
    if not mine:
        return NONE
    right = MANY if any(len(nodes_of[queue]) > 1 for queue in mine) else ONE
    return f"{MANY if len(mine) > 1 else ONE}:{right}"
