"""The slots of a worker node as cells to draw and as one sentence to read; the drawing is `templates/workers/_slots.html`.

Pure. A slot is a place where one task at a time can run (a process, a thread, a greenlet). What isn't known is drawn dashed with its
reason, never drawn as free.
"""

from __future__ import annotations

import msgspec

from workers.models import Worker

CELLS_AT_MOST = 32  # more are drawn as a bar with the same patterns
CELLS_A_LINE = 8  # up to here the reserved ones fit on the same line, which keeps the height constant while they come and go
RESERVED_AT_MOST = 4
BAR_WIDTH = 200


class Segment(msgspec.Struct, frozen=True):
    """A part of the bar, in px of its 200: kind as in `Slots.cells`."""

    kind: str
    x: float
    width: float


class Slots(msgspec.Struct, frozen=True):
    """`cells` are kinds in drawing order: used, free, may-add, unknown; empty where a bar is drawn instead."""

    sentence: str
    cells: tuple[str, ...] = ()
    bar: tuple[Segment, ...] = ()
    reserved_cells: tuple[str, ...] = ()
    reserved_more: int = 0  # reserved tasks without a cell of their own
    stacked: bool = False  # reserved on a line below, which is there even when empty
    figure: str = ""  # "5 / 8" for a table cell, "unknown"

    @property
    def lead(self) -> str:
        """The number that the sentence begins with, "" if it begins with a word; `rest` is what follows it."""
        first = self.sentence.split(" ", 1)[0]
        return first if first[:1].isdigit() else ""

    @property
    def rest(self) -> str:
        return self.sentence[len(self.lead) :].lstrip() if self.lead else self.sentence


def slots_of(worker: Worker) -> Slots:
    """What is known of the worker's slots.

    >>> slots_of(Worker(state="online", concurrency=8, active=5, reserved=3)).sentence
    '5 of 8 used, 3 free, 3 reserved'
    """
    why = unknown_because(worker)
    if why:
        text = "slots unknown" if worker.state == Worker.UNKNOWN and worker.reason else f"slots unknown, because {why}"  # shown once above the nodes
        return _drawn([("unknown", worker.concurrency or 1)], 0, text, "unknown")
    used, total = worker.active, worker.concurrency
    reserved = worker.reserved or 0
    if total is None:
        running = "running tasks unknown" if used is None else f"{used:,} running"
        return _drawn([("used", used or 0), ("unknown", 1)], reserved, _with_reserved(f"{running}, slots unknown", worker), "unknown")
    growth = max(0, (worker.autoscale_max or 0) - total)
    if used is None:
        return _drawn([("unknown", total), ("may-add", growth)], reserved, _with_reserved(f"{total:,} slots, used ones unknown", worker), f"? / {total:,}")
    free = max(0, total - used)
    words = f"{used:,} of {total:,} used, {free:,} free" if used <= total else f"{used:,} running on {total:,} slots"
    if worker.pool == "solo" and not used:
        words = "1 slot, free when it reported between tasks"
    return _drawn([("used", used), ("free", free), ("may-add", growth)], reserved, _with_reserved(words, worker), f"{used:,} / {total:,}")


def unknown_because(worker: Worker) -> str:
    """Why the slots are unknown now, as a clause after "because"; "" while the worker is online."""
    if worker.state == Worker.ONLINE:
        return ""
    return worker.reason or ("the worker is gone" if worker.state == Worker.GONE else "nothing has been received from the worker yet")


def _with_reserved(words: str, worker: Worker) -> str:
    return f"{words}, {worker.reserved:,} reserved" if worker.reserved else words


def _drawn(counts: list[tuple[str, int]], reserved: int, sentence: str, figure: str) -> Slots:
    total = sum(count for _, count in counts)
    if total > CELLS_AT_MOST:
        shown = [*counts, ("reserved", reserved)] if reserved else counts
        return Slots(sentence, bar=_bar(shown), figure=figure)
    cells = tuple(kind for kind, count in counts for _ in range(count))
    room = RESERVED_AT_MOST if reserved <= RESERVED_AT_MOST else RESERVED_AT_MOST - 1
    hatched = ("reserved",) * min(reserved, room)
    return Slots(sentence, cells, (), hatched, reserved - len(hatched), total > CELLS_A_LINE, figure)


def _bar(counts: list[tuple[str, int]]) -> tuple[Segment, ...]:
    """Segments side by side over the whole width; a kind that exists is at least 2 px wide."""
    counts = [(kind, count) for kind, count in counts if count]
    total = sum(count for _, count in counts)
    widths = [max(2.0, BAR_WIDTH * count / total) for _, count in counts]
    scale = BAR_WIDTH / sum(widths)
    segments, x = [], 0.0
    for (kind, _), width in zip(counts, widths, strict=True):
        segments.append(Segment(kind, round(x, 1), round(width * scale, 1)))
        x += width * scale
    return tuple(segments)
