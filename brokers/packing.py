"""Writes snapshots and rollups anew object by object: a job of the maintenance process.

What follows a keyframe becomes blocks once the next keyframe is there. The polls themselves, all but the keyframes, are deleted when all rollups were made of
them; rollups at once, as nothing is made of them.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from brokers import unreadable
from brokers.clock import microseconds
from brokers.models import Broker
from brokers.queries import brokers
from brokers.queries.blocks import last_block, polls_between
from brokers.queries.frames import first_of
from brokers.queries.rollups import keyframes_after, last_rollup, rollup_frames, rollup_keyframes_after_packed
from brokers.rollups import STEPS
from brokers.scope import EVERYTHING
from brokers.snapshots import METRICS, UnreadableSnapshot
from brokers.snapshots.block_writing import blocks_of
from brokers.snapshots.rollups import columns
from brokers.store import drop_packed, save_blocks, save_rollup_blocks

AT_ONCE = 12
"""So many keyframes of a kind and broker with what follows them, so that no run takes long."""
OF_ROLLUPS = 128
"""Objects in a block of rollups, whose frames have five columns a metric."""


def pack_history() -> int:
    """Of how many keyframes blocks were made. What can't be read stays as it is, with a line in the log an hour."""
    found = [(broker, kind) for broker in brokers(EVERYTHING) for kind in METRICS]
    return sum(_pack(broker, kind) for broker, kind in found) + sum(_pack_rollups(broker, kind, step) for broker, kind in found for step in STEPS)


def _pack(broker: Broker, kind: str) -> int:
    keys = keyframes_after(broker.pk, kind, last_block(broker.pk, kind))
    packed = 0
    for key_at, following in pairwise(keys):
        polls = polls_between(broker.pk, kind, key_at, following)
        if len(polls) > 1:
            try:
                blocks = blocks_of(len(METRICS[kind]), [(microseconds(at), data) for at, data in polls])
            except UnreadableSnapshot as error:
                unreadable.warn("polls_could_not_be_read", broker=broker.name, kind=kind, since=key_at.isoformat(), reason=str(error))
                continue
            packed += bool(blocks) and save_blocks(broker.pk, kind, [at for at, _ in polls], blocks)
        if packed == AT_ONCE:
            break
    rolled = [last + timedelta(seconds=step) for step in STEPS if (last := last_rollup(broker.pk, kind, step))]
    needed = first_of(broker.pk, kind, min(rolled), min(rolled)) if len(rolled) == len(STEPS) else None
    if needed is not None:  # the next rollup is made from this keyframe on
        drop_packed(broker.pk, kind, needed)
    return packed


def _pack_rollups(broker: Broker, kind: str, step: int) -> int:
    packed = 0
    for key_at, following in pairwise(rollup_keyframes_after_packed(broker.pk, kind, step)):
        rollups = rollup_frames(broker.pk, kind, step, key_at, following)
        if len(rollups) > 1:
            try:
                blocks = blocks_of(len(columns(kind)), [(microseconds(at), data) for at, data in rollups], OF_ROLLUPS)
            except UnreadableSnapshot as error:
                unreadable.warn("rollups_could_not_be_read", broker=broker.name, kind=kind, step=step, since=key_at.isoformat(), reason=str(error))
                continue
            packed += bool(blocks) and save_rollup_blocks(broker.pk, kind, step, [at for at, _ in rollups], blocks)
        if packed == AT_ONCE:
            break
    return packed
