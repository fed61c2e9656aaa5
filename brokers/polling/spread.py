"""How pieces of work are spread over the processes of a kind: in fair shares, and moving as little as possible. Pure.

Each process works this out by itself from the same rows and acts only on its own part, so nobody has to decide for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping


def spread(
    pieces: Collection[str], holders: Mapping[str, str], processes: Iterable[str], may: Callable[[str, str], bool] = lambda _piece, _process: True
) -> dict[str, str]:
    """{piece: the process whose share it is}; without a piece that no process may do.

    `holders`: who does a piece now. `may(piece, process)`: whether the process can do it. Whoever holds a piece keeps it, unless another one that may do it
    holds at least two fewer.

    >>> spread(["a", "b", "c", "d"], {"a": "one", "b": "one", "c": "one", "d": "one"}, ["one", "two"])
    {'a': 'two', 'b': 'one', 'c': 'one', 'd': 'two'}
    """
    living = sorted(set(processes))
    load = dict.fromkeys(living, 0)
    found: dict[str, str] = {}
    for piece in sorted(pieces):
        holder = holders.get(piece)
        if holder in load and may(piece, holder):
            found[piece] = holder
            load[holder] += 1
    for piece in sorted(pieces):
        able = [process for process in living if may(piece, process)] if piece not in found else []
        if able:
            found[piece] = min(able, key=lambda process: (load[process], -_rank(piece, process)))
            load[found[piece]] += 1
    while move := _next_move(found, load, may):
        piece, process = move
        load[found[piece]] -= 1
        load[process] += 1
        found[piece] = process
    return found


def _next_move(found: Mapping[str, str], load: Mapping[str, int], may: Callable[[str, str], bool]) -> tuple[str, str] | None:
    """A piece and the process that is to have it instead of one that has at least two more; None once all shares are fair."""
    busiest_first = sorted(load, key=lambda process: (-load[process], process))
    for giver in busiest_first:
        for taker in reversed(busiest_first):
            if load[giver] - load[taker] < 2:
                break
            given = [piece for piece, process in found.items() if process == giver and may(piece, taker)]
            if given:
                return max(given, key=lambda piece: (_rank(piece, taker), piece)), taker
    return None


def _rank(piece: str, process: str) -> int:
    """Rendezvous hashing: every process ranks in the same way, and no process is always the first."""
    return int.from_bytes(hashlib.blake2b(f"{piece}\0{process}".encode(), digest_size=8).digest())
