"""By how many seconds a worker's clock is ahead of ours, from bounds that no backlog moves.

Pure. An event stamped T that we received at R was sent before R: the skew is at least T - R. Delay only lowers that, so the largest of a
long window counts. A worker's answer to `stats` carries its Lamport clock: an event of a higher clock was stamped after we sent the
request, so the skew is at most T minus that time; an event of a lower one was stamped before we had the answer, however late it came.

Within these bounds the estimate stays as it was (at first: no skew), and is the lower bound once a whole window has been received. Bounds
that contradict each other show that the clock was set: the newer one counts. With no answers at all, a clock that was set back is noticed
after WINDOW_SECONDS, and a lag of receipt that lasts as long looks the same.
"""

from __future__ import annotations

from collections import deque

import msgspec

WINDOW_SECONDS, BUCKET_SECONDS = 120.0, 10.0
LARGEST_SECONDS = 86_400.0  # a clock that is further off is useless
MOST_ANSWERS = 64
_WHOLE_WINDOW = 0.8 * WINDOW_SECONDS


class Answered(msgspec.Struct, frozen=True):
    """An answer to `stats`: the worker's Lamport clock, and between which of our times it was given."""

    pid: int
    clock: int
    requested_at: float
    at: float


class _Window:
    """The second largest of the samples of the last WINDOW_SECONDS: a single odd one has no effect."""

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float]] = {}
        self._began: dict[int, float] = {}

    def add(self, at: float, sample: float) -> None:
        bucket = int(at // BUCKET_SECONDS)
        for old in [old for old in self._buckets if abs(old - bucket) * BUCKET_SECONDS >= WINDOW_SECONDS]:
            del self._buckets[old], self._began[old]
        largest, second = self._buckets.get(bucket, (-1e300, -1e300))
        self._buckets[bucket] = (largest, max(second, sample)) if sample <= largest else (sample, largest)
        self._began.setdefault(bucket, at)

    def second_largest(self) -> float | None:
        found = sorted(sample for pair in self._buckets.values() for sample in pair)[-2:]
        return found[0] if found and found[0] > -1e299 else None

    def seconds(self, now: float) -> float:
        """How far back it reaches."""
        return now - min(self._began.values(), default=now)

    def clear(self) -> None:
        self._buckets.clear()
        self._began.clear()


class ClockSkew:
    """Of one worker. `seconds` is None until something is known of it."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self._lowest, self._highest = _Window(), _Window()  # of the highest, the negative
        self._answers: deque[Answered] = deque(maxlen=MOST_ANSWERS)

    def answered(self, answer: Answered) -> None:
        self._answers.append(answer)

    def restart(self) -> None:
        """The worker is a new process, whose Lamport clock is another."""
        self._answers.clear()
        self._lowest.clear()
        self._highest.clear()

    def received(self, timestamp: float, received_at: float, clock: int | None = None, pid: int | None = None) -> None:
        """A heartbeat: the sender's time, ours, and the sender's Lamport clock."""
        before, after = received_at, None
        if clock is not None:
            for answer in reversed(self._answers):
                if answer.pid == pid and answer.clock < clock:
                    after = answer.requested_at
                    break
                if answer.pid == pid and answer.clock > clock:
                    before = min(before, answer.at)
        low = timestamp - before
        if abs(low) > LARGEST_SECONDS:
            return
        self._lowest.add(received_at, low)
        if after is not None:
            self._highest.add(received_at, after - timestamp)
        self._estimate(received_at, low)

    def _estimate(self, now: float, sample: float) -> None:
        low, high = self._lowest.second_largest(), self._highest.second_largest()
        if low is None:
            return
        if high is not None and low > -high:  # the clock was set
            (self._highest if sample >= low else self._lowest).clear()
            if sample < low:
                self._lowest.add(now, sample)
                low = sample
            else:
                high = None
        if self._lowest.seconds(now) >= _WHOLE_WINDOW:
            self.seconds = low
        elif high is not None:
            self.seconds = min(max(self.seconds or 0.0, low), -high)
        elif low > (self.seconds or 0.0):
            self.seconds = low
