"""What a poller keeps between two polls: the stored rows, the meters of the counters, the snapshot writers.

Lost at a restart: the rows are reloaded, rates are None for one poll, and the next snapshot is a keyframe.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from brokers.depth_growth import DepthGrowth
from brokers.head_age import HeadAge
from brokers.models import Broker, Queue
from brokers.parts import QUEUES
from brokers.rates import STATISTICS_SECONDS, Meter
from brokers.snapshots import STEPS_TO_A_GAP
from brokers.stats import BrokerStats, QueueKey, QueueStats
from brokers.store.rows import frozen
from brokers.store.snapshots import SnapshotWriter
from brokers.waiting_messages import WaitingMessages

NUMBERS = (
    "state", "ready", "unacknowledged", "depth", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second",
    "redeliver_per_second", "memory_bytes", "message_bytes", "oldest_at", "nobody_consumes_since", "nobody_since_at_least", "highest_depth",
    "leader", "members", "online", "delayed", "active_consumers", "still_since", "growth_per_second", "last_publish_at",
    "oldest_estimated",
)  # fmt: skip
DEFINITION = ("type", "durable", "auto_delete", "exclusive", "arguments", "policy", "operator_policy", "effective_policy", "node")
_PEAK_STEP_SECONDS = 900
_PEAK_STEPS = 96  # 24 hours


class ConsumerChange(NamedTuple):
    """That a queue has another number of consumers. `earlier_at`: when it last had the number before, where that is not the poll before."""

    key: QueueKey
    before: int
    after: int
    earlier_at: datetime | None


class ConsumerFold:
    """The changes of a queue's consumers that are one row."""

    def __init__(self, pk: int, began_at: datetime, first: int) -> None:
        self.pk, self.began_at, self.first = pk, began_at, first
        self.numbers: list[int] = []


class QueueRow:
    """A stored queue: the numbers and definition of its row, and the values of the last poll.

    `reported` and `defined` are the values of the last poll, so that a queue whose values do not change costs next to nothing.
    """

    __slots__ = (
        "alone_since",
        "counted",
        "counted_at",
        "defined",
        "definition",
        "growth",
        "head",
        "idle",
        "meters",
        "nobody",
        "numbers",
        "peaks",
        "pk",
        "reported",
        "seen",
        "taken_at",
    )

    def __init__(self, pk: int, numbers: Sequence[Any], definition: Sequence[Any], step: int) -> None:
        self.pk = pk
        self.numbers = tuple(numbers)
        self.definition = tuple(definition)
        self.reported: tuple[Any, ...] | None = None
        self.defined: tuple[Any, ...] | None = None
        self.seen: QueueStats | None = None  # the very object of the last poll
        self.alone_since: datetime | None = None  # since when the polls have messages and no consumer of it, while perhaps one was not counted yet
        self.taken_at: datetime | None = None  # when more was unacknowledged than before, while no consumer was counted
        self.nobody: tuple[datetime, bool] | None = None  # (since when no consumer was counted, True if possibly earlier), also while that is not sure
        self.counted: int | None = self.numbers[NUMBERS.index("consumers")]  # how many consumers it had when that was last known
        self.counted_at: datetime | None = None  # the last poll that knew it, where that is not the last poll
        self.idle = False  # nothing flows: while the broker reports the same, the numbers stay
        self.meters: list[Meter] | None = None
        self.growth: DepthGrowth | None = None
        self.head: HeadAge | None = None
        self.peaks: list[tuple[int, int]] = []
        # the time of the stored peak is not stored: it counts from now, so after a restart it may last up to a day longer
        self.highest(self.numbers[NUMBERS.index("highest_depth")], step)

    def highest(self, depth: int | None, step: int) -> int | None:
        """The highest depth of the last 24 h, this one included; None if none was ever known. `step`: see `peak_step`."""
        peaks = self.peaks
        while peaks and peaks[0][0] < step - _PEAK_STEPS:
            del peaks[0]
        if depth is not None:  # a depth that a later one exceeds can never be the peak again, so the list decreases from left to right
            while peaks and peaks[-1][1] <= depth:
                peaks.pop()
            if not peaks or peaks[-1][0] != step:
                peaks.append((step, depth))
        return peaks[0][1] if peaks else None

    def peak_ends(self, step: int) -> bool:
        """True if the highest depth is older than a day, so it changes even if the depth does not."""
        return bool(self.peaks) and self.peaks[0][0] < step - _PEAK_STEPS

    def same_definition(self, definition: Sequence[Any]) -> bool:
        return all(one is other or frozen(one) == frozen(other) for one, other in zip(self.definition, definition, strict=True))


def peak_step(at: datetime) -> int:
    """The number of the 15-minute step since 1970; peaks are kept per step."""
    return int(at.timestamp()) // _PEAK_STEP_SECONDS


class BrokerMemory:
    """The memory of one broker, for one thread. `poll_seconds`, the interval in force, may be changed by the poller; `statistics_seconds` is how often the
    broker refreshes its counters (`collect_statistics_interval`)."""

    def __init__(self, poll_seconds: float = 5.0, statistics_seconds: float = STATISTICS_SECONDS) -> None:
        self.poll_seconds = poll_seconds
        self.statistics_seconds = statistics_seconds
        self.queues: dict[QueueKey, QueueRow] = {}
        self.polled_at: datetime | None = None
        self.queues_at: datetime | None = None  # when the queues were read last, which may fail alone
        self.peak_step = 0  # of the queues' last poll: within it no peak ends
        self.last_queues: list[QueueStats] = []  # as that poll had them, in its order
        self.busy: list[QueueKey] = []  # those of them where something flows
        self.waiting = WaitingMessages()
        self.polled_before_at: datetime | None = None  # the poll before `polled_at`
        self.consumers_changed: list[ConsumerChange] = []  # since the last poll, to be stored with it
        self.consumer_folds: dict[QueueKey, ConsumerFold] = {}
        self.queues_unbroken = False  # the same of the queues: set for each poll that reads them
        self.consumers_at: datetime | None = None  # the poll's: so old may the numbers of consumers be; None: unknown
        self.unbroken = False  # no poll failed since `polled_at`, and the next one comes in time: set for each poll
        self.absent: set[QueueKey] = set()  # queues that the last complete list of the broker did not have: missing again, they are deleted
        # Of the inventory, which another thread stores
        self.topologies: dict[str, str] = {}  # {virtual host: the hash of its content as stored}
        self.topologies_at: dict[str, datetime] = {}  # {virtual host: when its topology was last read}
        self.inventory_at: datetime | None = None
        self.vhosts_gone = 0  # how often virtual hosts were deleted
        self._meters: dict[tuple[Any, ...], Meter] = {}
        self._writers: dict[str, SnapshotWriter] = {}
        self._loaded = False

    def refresh(self, broker: Broker, now: datetime) -> None:
        """Reloads the rows if they are not loaded, or another process has polled this broker since."""
        if self._loaded and self.polled_at == broker.polled_at:
            return
        self.forget()
        rows = Queue.objects.filter(broker_id=broker.pk, gone_at=None).values_list("pk", "vhost", "name", *NUMBERS, *DEFINITION)
        split, step = 3 + len(NUMBERS), peak_step(now)
        self.queues = {(row[1], row[2]): QueueRow(row[0], row[3:split], row[split:], step) for row in rows}
        self.polled_at, self._loaded = broker.polled_at, True
        self.queues_at = None if any(limit.get("part") == QUEUES for limit in broker.limits) else broker.polled_at
        self.unbroken = broker.state == Broker.UP

    def follows(self, poll: BrokerStats) -> bool:
        """True if nothing can have been missed since the previous poll: none failed or is missing, and no node was restarted."""
        if not self.unbroken or self.polled_at is None:
            return False
        if poll.at - self.polled_at > STEPS_TO_A_GAP * timedelta(seconds=self.poll_seconds):
            return False
        starts = [poll.at - timedelta(milliseconds=node.uptime_ms) for node in poll.nodes if node.uptime_ms is not None]
        return all(start <= self.polled_at for start in starts)

    def forget(self) -> None:
        """Forgets everything, after a save that failed."""
        self.queues, self.topologies, self._meters, self._writers, self._loaded = {}, {}, {}, {}, False
        self.absent, self.last_queues, self.busy = set(), [], []
        self.consumers_changed, self.consumer_folds = [], {}
        self.peak_step = 0

    def write_gap(self, broker_id: int, at: datetime) -> None:
        """Stores, inside the caller's transaction, that a poll failed which began at that moment."""
        self.unbroken = False
        for kind in ("queues", "broker", "exchanges", "vhosts", "nodes"):
            self.writer(broker_id, kind).write_gap(at)

    def rate(self, key: tuple[Any, ...], at: datetime, count: int | None) -> float | None:
        """The rate of a counter after this reading."""
        if count is None:
            self._meters.pop(key, None)
            return None
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = Meter(self.statistics_seconds)
        return meter.read(at.timestamp(), count)

    def forget_meters(self, kind: str, live: Collection[int]) -> None:
        """Drops the meters of a kind of objects but of those that exist, once they are many more."""
        if sum(key[0] == kind for key in self._meters) > 4 * len(live) + 1000:
            self._meters = {key: meter for key, meter in self._meters.items() if key[0] != kind or key[1] in live}

    def writer(self, broker_id: int, kind: str) -> SnapshotWriter:
        if kind not in self._writers:
            self._writers[kind] = SnapshotWriter(broker_id, kind)
        writer = self._writers[kind]
        writer.interval_seconds = self.poll_seconds
        return writer
