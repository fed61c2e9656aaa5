"""From what rules report to what happens to findings: nothing flaps, nothing that is unknown clears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dashboard.findings.lifecycle import EXPLAINS_ON, FALLS_AFTER, Pending, Round, Step, advance, earlier, explains_on
from dashboard.findings.rule import Found, Object, Unsure
from dashboard.layout.levels import Word
from tests.findings.objects import NOON

OPENS, CLEARS = timedelta(seconds=10), timedelta(seconds=30)


class Row(msgspec.Struct):
    identity: str = "k"
    pk: int = 1
    under_id: int | None = None
    rule: str = "growing"
    title: str = "mail is growing"
    level: str = "warning"
    kind: str = "queue"
    vhost: str = "/"
    name: str = "mail"
    opened_at: datetime = NOON
    absent_since: datetime | None = None
    lower_since: datetime | None = None
    closed_at: datetime | None = None


def seen(level: Word = "warning") -> Mapping[str, Found]:
    return {"k": Found("growing", Object("queue", "mail", "/", 7), level, "is growing")}


def step(
    found: Mapping[str, Found],
    seconds: float,
    rows: Sequence[Row] = (),
    pending: dict[str, Pending] | None = None,
    unsure: Sequence[Unsure] = (),
    lately: Sequence[Row] = (),
) -> list[Step]:
    return advance(
        {row.identity: row for row in rows},
        {row.identity: row for row in lately},
        Round(found, {"growing": unsure} if unsure else {}),
        {} if pending is None else pending,
        NOON + timedelta(seconds=seconds),
        lambda _: (OPENS, CLEARS),
    )


def test_it_opens_once_it_was_seen_for_long_enough() -> None:
    pending: dict[str, Pending] = {}
    assert step(seen(), 0, pending=pending) == []
    assert step(seen(), 9, pending=pending) == []
    assert [one.what for one in step(seen(), 10, pending=pending)] == ["opened"]
    assert pending == {}


def test_what_something_pending_in_another_round_explains_opens_after_it() -> None:
    explained = {"k": msgspec.structs.replace(seen()["k"], under="own")}
    for elsewhere, opened in (({"own"}, []), (set(), ["opened"])):
        steps = advance({}, {}, Round(explained, {}), {}, NOON, lambda _: (timedelta(0), CLEARS), elsewhere)
        assert [one.what for one in steps] == opened


def test_what_was_gone_in_between_begins_anew() -> None:
    pending: dict[str, Pending] = {}
    step(seen(), 0, pending=pending)
    assert step({}, 5, pending=pending) == []
    assert step(seen(), 10, pending=pending) == []


def test_a_clock_that_was_set_back_does_not_keep_it_from_opening() -> None:
    pending: dict[str, Pending] = {}
    step(seen(), 3600, pending=pending)
    assert step(seen(), 0, pending=pending) == []
    assert [one.what for one in step(seen(), 10, pending=pending)] == ["opened"]


def test_it_rises_at_once_and_falls_only_after_a_while() -> None:
    assert [(one.what, one.level) for one in step(seen("critical"), 0, [Row()])] == [("seen", "critical")]
    (first,) = step(seen("notice"), 0, [Row()])
    assert (first.level, first.lower_since) == ("warning", NOON)
    (later,) = step(seen("notice"), FALLS_AFTER.total_seconds(), [Row(lower_since=NOON)])
    assert (later.level, later.lower_since) == ("notice", None)


def test_it_closes_once_it_was_gone_for_long_enough() -> None:
    assert [(one.what, one.absent_since) for one in step({}, 0, [Row()])] == [("absent", NOON)]
    assert [one.what for one in step({}, 29, [Row(absent_since=NOON)])] == ["absent"]
    assert [one.what for one in step({}, 30, [Row(absent_since=NOON)])] == ["closed"]


def test_what_cant_be_assessed_is_neither_confirmed_nor_cleared() -> None:
    why = Unsure("prod is unreachable", under="away")
    assert [(one.what, one.why, one.under) for one in step({}, 3600, [Row(absent_since=NOON)], unsure=[why])] == [("unsure", "prod is unreachable", "away")]
    elsewhere = [Unsure("not polled", vhost="/shop"), Unsure("not polled", kind="worker"), Unsure("not polled", name="orders")]
    assert [one.what for one in step({}, 3600, [Row(absent_since=NOON)], unsure=elsewhere)] == ["closed"]


def test_what_is_back_soon_is_the_same_finding() -> None:
    pending = {"k": Pending(NOON, NOON)}
    assert [one.what for one in step(seen(), 60, pending=pending, lately=[Row(closed_at=NOON)])] == ["returned"]


CAUSE = Found("worker_gone", Object("worker", "a@web-1", "/", 5), "critical", "is gone")
EFFECT = Found("growing", Object("queue", "mail", "/", 7), "warning", "is growing", under="cause")


def test_what_another_finding_explains_opens_with_it_and_not_before() -> None:
    pending = {"k": Pending(NOON - 2 * OPENS, NOON)}
    assert step({"k": EFFECT, "cause": CAUSE}, 0, pending=pending) == []
    later = step({"k": EFFECT, "cause": CAUSE}, OPENS.total_seconds(), pending=pending)
    assert [(one.what, one.identity) for one in later] == [("opened", "cause"), ("opened", "k")]


def test_what_is_gone_closes_with_the_finding_that_explains_it() -> None:
    rows = [Row("cause", absent_since=NOON), Row(pk=2, under_id=1), Row("other", pk=3)]
    assert [one.what for one in step({}, CLEARS.total_seconds(), rows)] == ["closed", "closed", "absent"]
    assert [one.what for one in step({"k": EFFECT}, CLEARS.total_seconds(), rows)] == ["seen", "closed", "absent"]  # that it lasts is found still


def test_a_cause_explains_on_for_a_while_after_it_is_cured() -> None:
    assert not explains_on(Row(), NOON)
    assert explains_on(Row(absent_since=NOON), NOON)
    assert explains_on(Row(closed_at=NOON), NOON + EXPLAINS_ON / 2)
    assert not explains_on(Row(closed_at=NOON), NOON + EXPLAINS_ON)


IDLE = Found("worker_gone", Object("worker", "a@web-1", "/", 5), "notice", "stands still: it held no known task")
WORSE = Found("no_consumer", Object("queue", "mail", "/", 7), "critical", "is growing and nobody consumes it", under="cause")


def levels(steps: Sequence[Step]) -> Mapping[str, tuple[str, str]]:
    return {one.identity: (one.what, one.level) for one in steps}


def test_a_cause_is_at_least_as_bad_as_what_it_explains() -> None:
    rows = [Row("cause", level="notice", rule="worker_gone"), Row(pk=2, level="critical", rule="no_consumer")]
    steps = step({"k": WORSE, "cause": IDLE}, 0, rows)
    assert levels(steps) == {"cause": ("seen", "critical"), "k": ("seen", "critical")}
    cause = next(one.found for one in steps if one.identity == "cause")
    assert cause is not None and cause.evidence[-1].value == "mail is growing and nobody consumes it"
    pending = {key: Pending(NOON - OPENS, NOON) for key in ("k", "cause")}
    later = step({"k": WORSE, "cause": IDLE}, 0, pending=pending)  # the cause opens, what it explains waits for the next round
    assert levels(later)["cause"][0] == "opened"


def test_a_cause_of_a_cause_rises_too() -> None:
    middle = msgspec.structs.replace(IDLE, under="top")
    rows = [Row("cause"), Row(pk=2), Row("top", pk=3, level="notice")]
    found = {"k": WORSE, "cause": middle, "top": msgspec.structs.replace(IDLE, object=Object("worker", "a@*", "/"))}
    assert {level for _, level in levels(step(found, 0, rows)).values()} == {"critical"}


def test_what_cant_be_assessed_raises_its_cause_still_and_what_is_pending_does_not() -> None:
    rows = [Row("cause", level="notice"), Row(pk=2, level="critical", under_id=1, rule="no_consumer")]
    assert levels(step({"cause": IDLE}, 0, rows, unsure=[]))["cause"] == ("seen", "critical")  # absent, and not closed yet
    assert levels(step({"cause": IDLE, "k": WORSE}, 0, rows[:1]))["cause"] == ("seen", "notice")


def test_a_cause_falls_a_minute_after_what_it_explains_is_gone() -> None:
    rows = [Row("cause", level="critical")]
    assert levels(step({"cause": IDLE}, 0, rows))["cause"] == ("seen", "critical")
    rows[0].lower_since = NOON
    assert levels(step({"cause": IDLE}, FALLS_AFTER.total_seconds(), rows))["cause"] == ("seen", "notice")


def test_while_it_is_open_its_beginning_moves_only_back() -> None:
    later = NOON + timedelta(minutes=1)
    assert earlier((NOON, True), (later, False)) == earlier((NOON, True), (None, False)) == (NOON, True)
    assert earlier((later, False), (NOON, True)) == earlier((None, False), (NOON, True)) == (NOON, True)
    assert earlier((NOON, True), (NOON, False)) == (NOON, False)
