"""`script/soak recorder`: the depth of a queue, noted every second by a client of AMQP that knows nothing of Hareline, beside Hareline's history of it.

The depth changes every fifteen seconds; the node is killed once for a minute. Each number of the history is one that the queue had shortly before, once the
depth stands still it is exactly that one, and while the node was away there is none.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import amqp

from script.rabbitmq_node import RabbitNode
from script.soak_parts.run import virtual_host
from script.soak_parts.stack import Stack

SECONDS, AWAY_SECONDS = 600.0, 60.0
POLL_SECONDS = 2.0
STANDS_STILL_SECONDS = 15
LATE_SECONDS = POLL_SECONDS + 6.0
"""A number is from the poll before, and the broker's statistics in it may be five seconds older."""
GAP_SECONDS = 3 * POLL_SECONDS + 4.0
"""After so long an outage is a gap."""
BACK_SECONDS = 20.0
"""So long after the node answers over AMQP its management API may not, and polls that failed are further apart."""
QUEUE = "recorded"


class Noted(NamedTuple):
    """The depth from a second on; None where the broker did not answer."""

    at: float
    depth: int | None


class Recorder:
    """Changes the depth and notes it, over connections of its own."""

    def __init__(self, node: RabbitNode, vhost: str, dice: random.Random) -> None:
        self.noted: list[Noted] = []
        self._node, self._vhost, self._dice = node, vhost, dice
        self._channel: amqp.Channel | None = None
        self._steps = 0

    def step(self) -> None:
        """Notes the depth, and changes it now and then. What had been sent when the connection broke shows with the next answer."""
        try:
            channel = self._channel = self._channel or self._connected()
            if self._steps % STANDS_STILL_SECONDS == 0:
                self._change(channel)
            self._steps += 1
            self._note(channel)
        except (OSError, amqp.exceptions.AMQPError):
            self._channel = None
            self.noted.append(Noted(time.time(), None))

    def _connected(self) -> amqp.Channel:
        connection = amqp.Connection(
            f"127.0.0.1:{self._node.ports['amqp']}", self._node.user, self._node.password, virtual_host=self._vhost, confirm_publish=True, connect_timeout=2,
            read_timeout=5, write_timeout=5,
        )  # fmt: skip
        connection.connect()
        channel: amqp.Channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        return channel

    def _note(self, channel: amqp.Channel) -> None:
        self.noted.append(Noted(time.time(), channel.queue_declare(QUEUE, passive=True).message_count))

    def _change(self, channel: amqp.Channel) -> None:
        """One message after the other, each noted: a poll amid them finds a depth that the queue had neither before nor after."""
        if self._dice.random() < 0.4:
            for _ in range(self._dice.randrange(20)):
                channel.basic_get(QUEUE, no_ack=True)
                self._note(channel)
        else:
            for _ in range(1 + self._dice.randrange(20)):
                channel.basic_publish(amqp.Message(b"x", delivery_mode=2), routing_key=QUEUE)
                self._note(channel)


class Result(NamedTuple):
    """`exact` numbers of the history were compared with a depth that stood still, `near` with those that the queue had shortly before, `gap` were in the
    outage."""

    exact: int
    near: int
    gap: int
    problems: list[str]


def compared(noted: Sequence[Noted], history: Sequence[tuple[float, float | None]]) -> Result:
    """What was noted beside the history, number by number. Pure.

    >>> noted = [Noted(second, 3 if second < 50 else 7) for second in range(100)]
    >>> compared(noted, [(40.0, 3), (52.0, 3), (80.0, 7), (90.0, 3)])
    Result(exact=3, near=1, gap=0, problems=['at 1970-01-01T00:01:30+00:00 the history has 3, the queue had 7'])
    """
    exact = near = gap = 0
    problems = []
    for at, number in history:
        there = {one.depth for one in noted if at - LATE_SECONDS <= one.at <= at + 1}
        gone = {one.depth for one in noted if at - GAP_SECONDS <= one.at <= at + 1}
        if not there:
            continue
        if gone == {None}:
            gap, is_right = gap + 1, number is None
        elif there == {None} or None in there or None in gone:
            is_right = number is None or number in there or number in gone
        elif number is None and any(one.depth is None and at - BACK_SECONDS <= one.at <= at for one in noted):
            is_right = True
        elif len(there) == 1:
            exact, is_right = exact + 1, number in there
        else:
            near, is_right = near + 1, number in there
        if not is_right:
            had = " or ".join("no node" if one is None else str(one) for one in there)
            problems.append(f"at {datetime.fromtimestamp(at, UTC).isoformat()} the history has {number}, the queue had {had}")
    return Result(exact, near, gap, problems[:20])


def main(directory: Path, seconds: float | None, seed: int) -> int:
    """The exit status; prints what was compared."""
    directory.mkdir(parents=True, exist_ok=True)
    length = SECONDS if seconds is None else seconds
    node = RabbitNode(directory / "rabbitmq", statistics_interval_ms=1000)
    node.start()
    stack = Stack(node, directory / "data", node.ports["amqp"], poll_seconds=POLL_SECONDS)
    try:
        with virtual_host(node, "recorded") as vhost:
            stack.start()
            result = _run(node, stack, Recorder(node, vhost, random.Random(seed)), vhost, length)  # noqa: S311
    finally:
        stack.stop()
        node.kill()
    print(f"recorder: {result.exact} numbers equal, {result.near} within a change, {result.gap} in the outage; {len(result.problems)} differ")
    for text in result.problems:
        print(f"  {text}")
    return 1 if result.problems or not result.exact or not result.gap else 0


def _run(node: RabbitNode, stack: Stack, recorder: Recorder, vhost: str, length: float) -> Result:
    began, is_away, was_away = time.monotonic(), False, False
    while (passed := time.monotonic() - began) < length:
        if not was_away and passed > length / 2:
            node.kill()
            is_away, was_away, back_at = True, True, passed + max(AWAY_SECONDS * length / SECONDS, 2 * GAP_SECONDS)
            print("soak: recorder: the node is away", file=sys.stderr, flush=True)
        elif is_away and passed > back_at:
            node.start(keep_ports=True)
            is_away = False
            print("soak: recorder: the node is back", file=sys.stderr, flush=True)
        recorder.step()
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began) % 1.0))
    return compared(recorder.noted, _history(stack, vhost, recorder.noted))


def _history(stack: Stack, vhost: str, noted: Sequence[Noted]) -> list[tuple[float, float | None]]:
    """Every second from the first number that was recorded to the last note."""
    span = {"from": datetime.fromtimestamp(noted[0].at, UTC).isoformat(), "to": datetime.fromtimestamp(noted[-1].at, UTC).isoformat(), "step": 1}
    query = {"broker": "soak", "vhost": vhost, "queue": QUEUE, "metric": "depth", **span}
    status, answer = stack.get(f"/api/v1/history?{urlencode(query)}", 60)
    if status != 200:
        raise RuntimeError(f"the history was not answered: {status} {answer}")
    found = [(datetime.fromisoformat(at).timestamp(), value) for at, value in zip(answer["times"], answer["values"], strict=True)]
    first = next((place for place, (_, value) in enumerate(found) if value is not None), len(found))
    return found[first:]
