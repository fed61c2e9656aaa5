"""How the latest executions of each task ended, compared with what is usual for it. Pure.

Of each task the latest executions count, whatever their time, so that a worker that fails from its first task on shows at once, however rarely or often the
task runs. What went before is kept by the minute for a day; the usual share of failures is the median of blocks of minutes, which an hour of trouble within
a day hardly moves. While a finding about the task is open nothing is added, so that trouble does not become usual.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median

import msgspec

from dashboard.findings import exception_texts

LATEST, NEWEST = 50, 10
RECENT = timedelta(minutes=10)
KEPT = timedelta(hours=24)
LEAST_IN_BLOCK = 20
MOST_TASKS = 1000
_NEVER = datetime.min.replace(tzinfo=UTC)
Key = tuple[str, str]
"""(virtual host, task name)."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An execution that ended. `exception` is "" where it succeeded."""

    vhost: str
    name: str
    at: datetime
    failed: bool
    worker: str = ""
    exception: str = ""


class TaskOutcomes(msgspec.Struct, frozen=True):
    """Of the latest executions of a task `failed` of `ended` failed, of the newest ten `newest_failed`; the first since `since`.

    `usual`: the share that usually fails, of `usual_of` executions before; None: too few. `spread`: by how much that share usually differs. `workers`:
    (host name, failed, ended) and `exceptions`: (text without what varies, how often), the most frequent first. `silent_since`: when the last of all ended;
    where none was seen, since when one is awaited.
    """

    vhost: str
    name: str
    ended: int
    failed: int
    first_at: datetime | None = None
    since: datetime | None = None
    last_at: datetime | None = None
    usual: float | None = None
    spread: float = 0.0
    usual_of: int = 0
    workers: tuple[tuple[str, int, int], ...] = ()
    exceptions: tuple[tuple[str, int], ...] = ()
    newest_failed: int = 0
    silent_since: datetime | None = None

    @property
    def share(self) -> float:
        return self.failed / self.ended if self.ended else 0.0


class _Task:
    def __init__(self) -> None:
        self.latest: deque[Ended] = deque()
        self.minutes: deque[tuple[int, int, int]] = deque()  # (minute, ended, failed), in order
        self.is_frozen = False
        self.silent_since: datetime | None = None

    def add(self, ended: Ended) -> None:
        self.latest.append(ended)
        self.silent_since = ended.at
        if len(self.latest) > LATEST:
            self._pass(self.latest.popleft())

    def _pass(self, ended: Ended) -> None:
        """From the latest to what went before."""
        if self.is_frozen:
            return
        minute = int(ended.at.timestamp() // 60)
        if self.minutes and self.minutes[-1][0] >= minute:
            last, amount, failed = self.minutes.pop()
            self.minutes.append((last, amount + 1, failed + ended.failed))
        else:
            self.minutes.append((minute, 1, int(ended.failed)))

    def age(self, now: datetime) -> None:
        while self.latest and now - self.latest[0].at > RECENT:
            self._pass(self.latest.popleft())
        oldest = int((now - KEPT).timestamp() // 60)
        while self.minutes and self.minutes[0][0] < oldest:
            self.minutes.popleft()


class Outcomes:
    """Of one broker."""

    def __init__(self) -> None:
        self._tasks: dict[Key, _Task] = {}

    def add(self, ended: Iterable[Ended]) -> None:
        """Executions in the order in which they ended."""
        for one in ended:
            task = self._tasks.get((one.vhost, one.name))
            if task is None:
                if len(self._tasks) >= MOST_TASKS:
                    self._forget_some()
                task = self._tasks[one.vhost, one.name] = _Task()
            task.add(one)

    def _forget_some(self) -> None:
        """The tasks of which no execution ended for the longest time, a tenth of all; those with an open finding stay."""
        others = sorted((key for key, task in self._tasks.items() if not task.is_frozen), key=lambda key: self._tasks[key].silent_since or _NEVER)
        for key in others[: MOST_TASKS // 10]:
            del self._tasks[key]

    def of_each(self, now: datetime, in_trouble: Collection[Key] = ()) -> list[TaskOutcomes]:
        """Of each task that failed lately; `in_trouble`: those with an open finding, which are returned in any case."""
        found = []
        for key in in_trouble:
            if key not in self._tasks:
                self._tasks[key] = _Task()
                self._tasks[key].silent_since = now
        for key, task in list(self._tasks.items()):
            task.is_frozen = key in in_trouble
            task.age(now)
            if not task.latest and not task.minutes and not task.is_frozen:
                del self._tasks[key]
            elif task.is_frozen or any(one.failed for one in task.latest):
                found.append(_of(key, task))
        return found


def _of(key: Key, task: _Task) -> TaskOutcomes:
    latest = task.latest
    failures = [one for one in latest if one.failed]
    usual, spread, amount = _usual(task.minutes)
    ended_by = Counter(one.worker for one in latest)
    failed_by = Counter(one.worker for one in failures)
    return TaskOutcomes(
        *key,
        len(latest),
        len(failures),
        latest[0].at if latest else None,
        failures[0].at if failures else None,
        latest[-1].at if latest else None,
        usual,
        spread,
        amount,
        tuple((worker, failed, ended_by[worker]) for worker, failed in failed_by.most_common(5)),
        tuple(exception_texts.counted((one.exception for one in failures), 3)),
        sum(one.failed for one in islice(reversed(latest), NEWEST)),
        task.silent_since,
    )


def _usual(minutes: Iterable[tuple[int, int, int]]) -> tuple[float | None, float, int]:
    """(median share of failures, how far shares lie from it, of how many executions); None of too few.

    >>> _usual([(1, 20, 1), (2, 20, 20), (3, 20, 1)])
    (0.05, 0.0, 60)
    """
    shares, amount, failed, total = [], 0, 0, 0
    for _, ended_in, failed_in in minutes:
        amount, failed, total = amount + ended_in, failed + failed_in, total + ended_in
        if amount >= LEAST_IN_BLOCK:
            shares.append(failed / amount)
            amount = failed = 0
    if not shares:
        return None, 0.0, total
    usual = median(shares)
    return usual, median(abs(share - usual) for share in shares), total
