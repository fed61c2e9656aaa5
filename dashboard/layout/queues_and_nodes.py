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
    of_queues, of_nodes = _Side(nodes_of, vague_queues), _Side(queues_of, vague_nodes)
    return Arrangements(
        {one: _word(one, of_queues, of_nodes, "{shared}:{own}") for one in queues}, {one: _word(one, of_nodes, of_queues, "{own}:{shared}") for one in nodes}
    )


class _Side(msgspec.Struct, frozen=True):
    """The queues or the nodes: what each is linked to at the other side, and those of which that is not known."""

    links: Mapping[str, set[str]]
    unclear: frozenset[str]


def _word(one: str, side: _Side, other: _Side, form: str) -> str:
    """`own`: how many it is linked to; `shared`: whether these are linked to others too."""
    mine = side.links.get(one, set())
    if one in side.unclear or mine & other.unclear:
        return UNKNOWN
    if not mine:
        return NONE
    return form.format(own=MANY if len(mine) > 1 else ONE, shared=MANY if any(len(other.links[there]) > 1 for there in mine) else ONE)
