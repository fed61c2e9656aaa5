"""How work is spread over the processes of a kind: fair, sticky, and by those alone who live."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from brokers.models import Heartbeat, Lease
from brokers.polling import leases, share
from brokers.polling.share import Share
from brokers.polling.spread import spread
from tests.brokers.facts import NOON, after

PIECES = [f"poll {name}" for name in "abcdef"]
names = st.text("abcdefgh", min_size=1, max_size=2)


@given(st.sets(names, max_size=12), st.dictionaries(names, names, max_size=12), st.sets(names, min_size=1, max_size=5))
def test_shares_are_whole_fair_and_stay_when_worked_out_again(pieces: set[str], holders: dict[str, str], processes: set[str]) -> None:
    found = spread(pieces, holders, processes)
    loads = Counter(found.values())
    assert found.keys() == pieces
    assert set(found.values()) <= processes
    assert max(loads[process] for process in processes) - min(loads[process] for process in processes) <= 1
    assert spread(pieces, found, processes) == found


@given(st.sets(names, min_size=1, max_size=12), st.sets(names, min_size=1, max_size=4), names)
def test_a_process_that_joins_or_goes_moves_no_more_than_its_share(pieces: set[str], processes: set[str], one: str) -> None:
    before = spread(pieces, {}, processes - {one} or {"other"})
    joined = spread(pieces, before, {*before.values(), *(processes - {one}), one})
    assert all(process in (before[piece], one) for piece, process in joined.items())


def test_what_a_process_cant_do_goes_to_one_that_can_or_to_nobody() -> None:
    may = {"one": {"a", "b", "c"}, "two": {"c"}}
    found = spread("abcd", {}, may, lambda piece, process: piece in may[process])
    assert found == {"a": "one", "b": "one", "c": "two"}


def beat(holder: str, seconds: float, started: float = -60, brokers: str | None = "abcdef") -> None:
    reported = leases.Facts(after(started), "1", None if brokers is None else list(brokers))
    leases.beat("poller", holder, after(seconds), reported=reported)


def seen(holder: str, woken: list[str] | None = None) -> Share:
    found = Share("poller", "poll ", holder)
    for piece in PIECES:
        found.offer(piece[-1], [piece], lambda: (woken if woken is not None else []).append(holder))
    return found


def mine(found: Share, now: datetime) -> str:
    found.look(now)
    return "".join(piece[-1] for piece in PIECES if found.permits(piece))


@pytest.mark.django_db
def test_two_processes_share_and_the_one_that_stays_gets_all() -> None:
    beat("h1", 0)
    beat("h2", 0)
    one, two = seen("h1"), seen("h2")
    first, second = mine(one, after(1)), mine(two, after(1))
    assert sorted(first + second) == list("abcdef")
    assert len(first) == len(second) == 3
    beat("h1", 20)  # and h2 is silent
    assert (mine(one, after(20)), mine(two, after(20))) == ("abcdef", "")
    beat("h2", 21)
    leases.note_end("poller", "h1", after(21))
    assert (mine(one, after(21)), mine(two, after(21))) == ("", "abcdef")


@pytest.mark.django_db
def test_work_is_woken_when_its_permission_changes() -> None:
    beat("h1", 0)
    woken: list[str] = []
    one = seen("h1", woken)
    one.look(NOON)
    assert len(woken) == 6
    one.look(NOON)
    assert len(woken) == 6
    beat("h2", 0)
    one.look(NOON)
    assert len(woken) == 9


@pytest.mark.django_db
def test_a_process_that_dies_at_each_start_moves_nothing() -> None:
    beat("h1", 0)
    one = seen("h1")
    for piece in mine(one, NOON):
        leases.take(f"poll {piece}", "h1", NOON, 60)
    for start in range(5):
        beat(f"new{start}", 2 * start, started=2 * start)
        assert mine(one, after(2 * start)) == "abcdef"
        leases.note_end("poller", f"new{start}", after(2 * start + 1))
    beat("new", 20, started=10)
    beat("h1", 20)
    assert len(mine(one, after(20))) == 3


@pytest.mark.django_db
def test_processes_that_start_together_share_at_once() -> None:
    beat("h1", 0, started=0)
    beat("h2", 0, started=0)
    assert len(mine(seen("h1"), after(1))) == len(mine(seen("h2"), after(1))) == 3


@pytest.mark.django_db
def test_of_an_older_process_nothing_is_expected_and_its_lease_stays_its_own() -> None:
    beat("h1", 0)
    beat("old", 0, brokers=None)
    leases.take("poll a", "old", NOON, 10**9)
    one = seen("h1")
    one.look(NOON)
    assert one.is_older("poll a")
    assert not leases.take("poll a", "h1", after(1), 30)
    assert not one.is_older("poll b")


@pytest.mark.django_db
def test_a_broker_goes_only_to_a_process_that_has_it_in_its_configuration() -> None:
    beat("h1", 0, brokers="abc")
    beat("h2", 0, brokers="cdef")
    first, second = mine(seen("h1"), NOON), mine(seen("h2"), NOON)
    assert set(first) <= set("abc") and set(second) <= set("cdef")
    assert sorted(first + second) == list("abcdef")


@pytest.mark.django_db
def test_what_a_process_lets_expire_goes_to_another_one() -> None:
    """Its thread is stuck, although it lives."""
    beat("h1", 0)
    beat("h2", 0)
    for piece in PIECES:
        leases.take(piece, "h1" if piece[-1] in "abc" else "h2", NOON, 5 if piece == "poll a" else 600)
    first, second = mine(seen("h1"), after(6)), mine(seen("h2"), after(6))
    assert "a" in second
    assert sorted(first + second) == list("abcdef")


@pytest.mark.django_db
def test_what_a_process_does_not_take_goes_to_another_one_for_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]
    monkeypatch.setattr(share.time, "monotonic", lambda: moment[0])
    beat("h1", 0)
    beat("h2", 0)
    two = seen("h2")
    own = mine(two, NOON)
    for piece in own:
        leases.take(f"poll {piece}", "h2", NOON, 600)
    moment[0] += share.UNTAKEN_SECONDS + 1
    with capture_logs() as logs:
        assert mine(two, after(1)) == "abcdef"
    assert {entry["by"] for entry in logs if entry["event"] == "share_not_taken"} == {"h1"}
    Lease.objects.all().delete()
    for piece in PIECES:
        leases.take(piece, "h2", after(1), 600)
    declined = set("abcdef") - set(own)
    assert declined <= set(mine(two, after(2)))  # though h1 has none: it gets others


@pytest.mark.django_db
def test_all_leases_of_a_process_are_renewed_at_once_and_those_of_others_are_not_taken() -> None:
    leases.take("poll a", "h1", NOON, 30)
    leases.take("poll b", "h2", NOON, 30)
    assert leases.take_all(["poll a", "poll b", "poll c"], "h1", after(10), 30) == {"poll a", "poll c"}
    rows = {row.name: row for row in leases.all_leases("poll ")}
    assert rows["poll a"].expires_at == after(40)
    assert (rows["poll a"].taken_at, rows["poll c"].taken_at) == (NOON, after(10))
    assert rows["poll b"].holder == "h2"


@pytest.mark.django_db
def test_an_orderly_end_is_kept_with_the_last_heartbeat() -> None:
    beat("h1", 0)
    leases.note_end("poller", "h1", after(3))
    (found,) = Heartbeat.objects.all()
    assert (found.at, found.ended_at, share.lives(found, after(4))) == (NOON, after(3), False)
    beat("h1", 5)
    assert share.lives(Heartbeat.objects.get(), after(5) + timedelta(seconds=1))
