"""What the host of an experiment is sent on its standard input, a JSON line each, and what it passes on to the publisher. Pure."""

from __future__ import annotations

import msgspec

from workers.lab.place import Place
from workers.lab.plan import Plan


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """`place` comes first, once. `plan`: these nodes and no others; those whose plan is the same go on. `publish`: begin to publish the plan, in that round of
    measuring. `pause`: of the publisher."""

    place: Place | None = None
    plan: Plan | None = None
    publish: int | None = None
    pause: bool | None = None


class Pause(msgspec.Struct, frozen=True):
    """What the publisher is sent while it runs: wait, or go on."""

    pause: bool


def line(order: Order | Pause) -> bytes:
    return msgspec.json.encode(order) + b"\n"
