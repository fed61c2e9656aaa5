"""The depths of queues in the text of the Prometheus plugin's detailed families (`/metrics/detailed`): one node's queues, of all virtual hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from brokers.stats import QueueKey

Depth = tuple[int | None, int | None, int | None]
"""(ready, unacknowledged, consumers)."""
_UNKNOWN: Depth = (None, None, None)
_Labels = tuple[bytes, bytes]
"""(virtual host, queue) as they are written."""

# A queue's name may hold anything but line ends (RabbitMQ takes those out). Up to 3.11.23 and 3.12.6 it is written as it is, quotes included; later
# with backslashes before quotes and backslashes (RabbitMQ's pull request 9656)
_GAUGE = re.compile(rb'^rabbitmq_detailed_queue_(messages_ready|messages_unacked|consumers)\{vhost="(.*?)",queue="(.*)"\} (\d+)(?:\.0)?$', re.MULTILINE)
_VERSION = re.compile(rb'^rabbitmq_build_info\{rabbitmq_version="(\d+)\.(\d+)', re.MULTILINE)
_ESCAPED = re.compile(rb'(?:[^"\\]|\\["\\n])*')
_ESCAPE = re.compile(rb"\\(.)")
CONSUMERS = b"consumers"
_PLACES = {b"messages_ready": 0, b"messages_unacked": 1, CONSUMERS: 2}
_SMALLEST_PIECE, _LARGEST_PIECE = 128, 2**16


class DepthsReader:
    """Reads the answers of one node one after the other: after the first only the lines that are others than in the one before."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, bytes] = {}
        self._names: dict[_Labels, QueueKey] = {}
        self._depths: dict[QueueKey, Depth] = {}

    def read(self, body: bytes) -> tuple[Mapping[QueueKey, Depth], set[QueueKey] | None]:
        """The queues in the text, {} if it holds none, and those whose numbers are others than in the answer before; None: perhaps all. Consumers that the
        answer leaves out stay as the last one had them. The mapping is changed by the next reading."""
        blocks = {gauge: lines for gauge in _PLACES if (lines := _block(body, gauge))}
        changed = self._changes(blocks)
        if changed is None:
            was = self._depths
            self._names, found = _parsed(body)
            if CONSUMERS not in blocks:
                found = {key: (ready, unacknowledged, was.get(key, _UNKNOWN)[2]) for key, (ready, unacknowledged, _) in found.items()}
            self._depths, self._blocks = found, blocks
        else:
            for (key, place), value in changed.items():
                depth = list(self._depths[key])
                depth[place] = value
                self._depths[key] = (depth[0], depth[1], depth[2])
            self._blocks |= blocks
        return self._depths, None if changed is None else {key for key, _ in changed}

    def _changes(self, blocks: Mapping[bytes, bytes]) -> dict[tuple[QueueKey, int], int] | None:
        """{(queue, place in its depth): the number} where it is another; None if queues were added or deleted, or lines are not understood."""
        found = {}
        if self._blocks.keys() - {CONSUMERS} != blocks.keys() - {CONSUMERS}:
            return None
        for gauge, block in blocks.items():
            for was, line in _other_lines(self._blocks.get(gauge, b""), block):
                old, new = _GAUGE.fullmatch(was), _GAUGE.fullmatch(line)
                if old is None or new is None or old.groups()[:3] != new.groups()[:3]:
                    return None
                key = self._names.get((new[2], new[3]))
                if key is None:
                    return None
                found[key, _PLACES[new[1]]] = int(new[4])
        return found


def _other_lines(before: bytes, now: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The lines that differ, one after the other in both texts; the last one is empty where a text has fewer. What is the same is compared in pieces that
    grow, since making ten thousand lines takes longer than all else."""
    at, at_now, size = 0, 0, _LARGEST_PIECE  # both at the begin of a line
    while True:
        piece = before[at : at + size]
        is_same = now.startswith(piece, at_now)
        same = piece.rfind(b"\n") + 1 if is_same else 0
        if is_same and len(piece) < size:  # the end of the text before
            if at_now + len(piece) < len(now):
                yield b"", now[at_now + len(piece) :]
            return
        if same:
            at, at_now, size = at + same, at_now + same, min(2 * size, _LARGEST_PIECE)
        elif not is_same and size > _SMALLEST_PIECE:
            size //= 4
        else:  # one line, which differs within the smallest piece or is longer than the piece: it is passed in any case, so that this comes to an end
            end, end_now = before.find(b"\n", at) + 1 or len(before), now.find(b"\n", at_now) + 1 or len(now)
            was, line = before[at:end].rstrip(b"\n"), now[at_now:end_now].rstrip(b"\n")
            if was != line:
                yield was, line
            at, at_now, size = end, end_now, min(2 * size, _LARGEST_PIECE) if is_same else size


def _block(body: bytes, gauge: bytes) -> bytes:
    """The lines from the first one of a gauge up to the next comment, each with its end."""
    prefix = b"rabbitmq_detailed_queue_" + gauge + b"{"
    start = 0 if body.startswith(prefix) else body.find(b"\n" + prefix) + 1
    if start == 0 and not body.startswith(prefix):
        return b""
    end = body.find(b"#", start)  # far quicker than two characters, where no name has one
    if end > 0 and body[end - 1 : end] != b"\n":
        end = body.find(b"\n#", end) + 1
    return body[start:end] if end > 0 else body[start:].rstrip(b"\n") + b"\n"


def _parsed(body: bytes) -> tuple[dict[_Labels, QueueKey], dict[QueueKey, Depth]]:
    """The queues by their labels as written, and their numbers."""
    found: dict[_Labels, list[int | None]] = {}
    for gauge, vhost, name, value in _GAUGE.findall(body):
        key = (vhost, name)
        row = found.get(key)
        if row is None:
            row = found[key] = [None, None, None]
        row[_PLACES[gauge]] = int(value)
    label = _unescaped if b"\\" in body and _is_escaped(body, found) else _plain
    names = {(vhost, name): (label(vhost), label(name)) for vhost, name in found}
    return names, {names[labels]: (ready, unacknowledged, consumers) for labels, (ready, unacknowledged, consumers) in found.items()}


def _is_escaped(body: bytes, found: Iterable[tuple[bytes, bytes]]) -> bool:
    """True if names are written with backslashes before what needs them: by the version, and by the names where that leaves it open."""
    version = _VERSION.search(body)
    known = (int(version[1]), int(version[2])) if version else None
    if known is not None and not (3, 11) <= known < (3, 13):
        return known >= (3, 13)
    return all(_ESCAPED.fullmatch(part) for key in found for part in key)


def _plain(label: bytes) -> str:
    return label.decode(errors="replace")


def _unescaped(label: bytes) -> str:
    return _plain(_ESCAPE.sub(lambda escape: b"\n" if escape[1] == b"n" else escape[1], label))
