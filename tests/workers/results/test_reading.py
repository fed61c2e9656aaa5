"""Which tasks are looked up when; a backend that is away or slow is left alone ever longer, and what it can't read is said."""

from __future__ import annotations

from collections.abc import Sequence

from workers.receiving.task_order import SUCCEEDED
from workers.results.errors import ResultsError
from workers.results.outcomes import Found, Outcome, Unreadable
from workers.results.reader import NOT_TRIED, ROUND_SECONDS, ResultReader, taken
from workers.results.reading import READS_PER_SECOND, Lookups, pause_seconds


def test_a_task_is_looked_up_at_once_and_then_ever_more_rarely() -> None:
    lookups, looks = Lookups(), []
    for second in range(0, 9000):
        if second % 5 == 0:
            lookups.want(["1"], second)
        if lookups.due(second):
            looks.append(second)
            lookups.note(["1"], second)
    assert looks == [0, 10, 70, 670, 4270, 7870]


def test_no_more_than_so_many_are_due_at_a_time_and_none_is_left_out() -> None:
    lookups, read = Lookups(), []
    lookups.want(map(str, range(50)), 0)
    for second in range(4):
        due = lookups.due(second)
        assert len(due) <= READS_PER_SECOND
        lookups.note(due, second)
        read += due
    assert sorted(read) == sorted(map(str, range(50)))
    lookups.want(["7", "new"], 5)
    assert lookups.due(5) == ["new"]
    assert len(Lookups(3).due(0)) == 0
    bounded = Lookups(3)
    bounded.want(map(str, range(9)), 0)
    assert bounded.due(0) == ["0", "1", "2"]


class Backend:
    """Answers what the test sets."""

    def __init__(self, answer: dict[str, Found] | Exception) -> None:
        self.answer = answer
        self.requests: list[list[str]] = []

    def read(self, uuids: Sequence[str]) -> dict[str, Found]:
        self.requests.append(list(uuids))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None: ...


def test_a_backend_that_is_away_is_said_and_tried_ever_more_rarely_until_it_answers() -> None:
    backend = Backend(ResultsError("it does not answer"))
    reader = ResultReader(backend, lambda: ["1"])
    assert reader.problem == NOT_TRIED
    assert [reader.turn() for _ in range(6)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert reader.problem == "it does not answer"
    found = Outcome("1", SUCCEEDED, 1.79e9)
    backend.answer = {"1": found}
    assert (reader.turn(), reader.problem) == (ROUND_SECONDS, "")
    assert [outcome for outcome, _ in taken(reader.outcomes)] == [found]
    backend.answer = KeyError("our own")
    reader._lookups.want(["2"], 0)
    assert reader.turn() == pause_seconds(1)
    assert reader.problem == "reading failed because of an error in Hareline (KeyError); see the log"


def test_it_is_tried_once_without_a_task_and_then_only_for_tasks() -> None:
    backend = Backend({})
    reader = ResultReader(backend, list)
    reader.turn()
    reader.turn()
    assert (backend.requests, reader.problem) == ([[]], "")


def test_what_is_not_read_is_said() -> None:
    reader = ResultReader(Backend({"1": Unreadable("it is pickled")}), lambda: ["1"])
    reader.turn()
    assert (reader.problem, reader.unreadable, taken(reader.outcomes)) == ("", "it is pickled", [])
