"""Writes snapshots anew object by object: a job of the maintenance process.

What follows a keyframe becomes blocks once the next keyframe is there; the polls themselves, all but the keyframes, are deleted when all rollups were made of
them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import structlog

from brokers.models import Broker
from brokers.queries import brokers
from brokers.queries.blocks import last_block, polls_between
from brokers.queries.frames import first_of
from brokers.queries.rollups import keyframes_after, last_rollup
from brokers.rollups import STEPS
from brokers.scope import EVERYTHING
from brokers.snapshots import METRICS, UnreadableSnapshot
from brokers.snapshots.blocks import blocks_of
from brokers.store import drop_packed, save_blocks

log = structlog.get_logger(__name__)

AT_ONCE = 12
"""So many keyframes of a kind and broker with what follows them, so that no run takes long."""


def pack_history() -> int:
    """Of how many keyframes blocks were made. What can't be read stays as it is, with a line in the log."""
    return sum(_pack(broker, kind) for broker in brokers(EVERYTHING) for kind in METRICS)


def _pack(broker: Broker, kind: str) -> int:
    keys = keyframes_after(broker.pk, kind, last_block(broker.pk, kind))
    packed = 0
    for key_at, following in pairwise(keys):
        polls = polls_between(broker.pk, kind, key_at, following)
        if len(polls) > 1:
            try:
                blocks = blocks_of(len(METRICS[kind]), [(microseconds(at), data) for at, data in polls])
            except UnreadableSnapshot as error:
                log.warning("polls_could_not_be_read", broker=broker.name, kind=kind, since=key_at.isoformat(), reason=str(error))
                continue
            packed += bool(blocks) and save_blocks(broker.pk, kind, [at for at, _ in polls], blocks)
        if packed == AT_ONCE:
            break
    rolled = [last + timedelta(seconds=step) for step in STEPS if (last := last_rollup(broker.pk, kind, step))]
    needed = first_of(broker.pk, kind, min(rolled), min(rolled)) if len(rolled) == len(STEPS) else None
    if needed is not None:  # the next rollup is made from this keyframe on
        drop_packed(broker.pk, kind, needed)
    return packed


def microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
