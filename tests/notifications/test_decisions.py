"""What each target is notified of, from what is open and what it knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dashboard.models import Finding, Notice
from dashboard.notifications.choosing import Schedule, Selection
from dashboard.notifications.decisions import FAILING, Recipient, decide, key_of
from tests.notifications.objects import NOON, at, finding, recipient

OFFICE = Schedule(begins="08:00", ends="11:00")  # closed at noon


def notice(**values: Any) -> Notice:
    return Notice(**({"target_id": 1, "finding_id": 17, "open": True, "level": "critical", "at": NOON} | values))


def decided(
    one: Finding,
    notices: Sequence[Notice] = (),
    to: Recipient | None = None,
    now: datetime = NOON,
    new: bool = False,
    silenced: datetime | None = None,
) -> tuple[list[str | None], str]:
    known = {(row.target_id, row.finding_id): row for row in notices}
    decisions, why = decide([to or recipient()], [one], known, {one.pk} if new else set(), {one.pk: silenced} if silenced else {}, now)
    return [one.event for one in decisions], why.get(one.pk, "")


def test_a_finding_is_opened_once_and_recovers_once() -> None:
    assert decided(finding(), new=True) == (["opened"], "")
    assert decided(finding(), [notice()]) == ([], "")
    closed = finding(closed_at=at(60))
    assert decided(closed, [notice()]) == (["recovered"], "")
    assert decided(closed, [notice(open=False)]) == ([], "")


def test_one_that_closed_before_anybody_looked_is_opened_and_recovers() -> None:
    assert decided(finding(closed_at=at(1)), new=True) == (["opened", "recovered"], "")
    assert decided(finding(closed_at=at(1))) == ([], "")


def test_what_is_back_soon_after_its_recovery_is_reported_as_back() -> None:
    assert decided(finding(returned=1), [notice(open=False)], new=True) == (["returned"], "")
    assert decided(finding(returned=1), [notice(open=False)], to=recipient(recovery=False)) == ([None], "")


def test_a_level_that_rises_is_reported_and_one_that_falls_is_not() -> None:
    assert decided(finding(), [notice(level="warning")]) == (["level"], "")
    assert decided(finding(level="warning"), [notice()]) == ([], "")


def test_it_is_repeated_while_it_is_open_until_somebody_is_on_it() -> None:
    hourly = recipient(repeat_seconds=3600)
    assert decided(finding(), [notice()], hourly, at(3599)) == ([], "")
    assert decided(finding(), [notice()], hourly, at(3600)) == (["repeated"], "")
    assert decided(finding(), [notice()], hourly, at(-60)) == (["repeated"], ""), "the clock was set back"
    assert decided(finding(taken_by="ada"), [notice()], hourly, at(7200)) == ([], "")
    assert decided(finding(taken_by="ada", closed_at=at(7300)), [notice()], hourly, at(7300)) == (["recovered"], "")


def test_what_is_silenced_or_explained_by_another_finding_does_not_notify_by_itself() -> None:
    assert decided(finding(), new=True, silenced=at(3600)) == ([], "silenced until 2026-11-24 13:00 UTC")
    assert decided(finding(under_id=3), new=True) == ([], "explained by another finding")
    assert decided(finding()) == (["opened"], ""), "once that is over"


def test_what_opened_outside_the_hours_is_reported_when_they_begin_if_it_is_still_open() -> None:
    to = recipient(schedule=OFFICE)
    morning = NOON + timedelta(hours=20)
    assert decided(finding(), to=to, new=True) == ([], "outside the hours of target 1")  # as dashboard.findings.notified reads it
    assert decided(finding(), to=to, now=morning) == (["opened"], "")
    assert decided(finding(closed_at=at(60)), to=to, now=morning) == ([], "")
    assert decided(finding(closed_at=at(60)), [notice()], to) == ([], ""), "a recovery waits too"
    assert decided(finding(closed_at=at(60)), [notice()], to, morning) == (["recovered"], "")


def test_a_target_is_not_notified_of_what_is_not_for_it_nor_of_its_own_failure() -> None:
    nothing = ([], "no target is for it")
    assert decided(finding(), to=recipient(selection=Selection(levels=("notice",))), new=True) == nothing
    assert decided(finding(), to=recipient(at_once=False), new=True) == nothing
    assert decided(finding(rule=FAILING, name="target 1"), new=True) == nothing
    assert decided(finding(rule=FAILING, name="another"), new=True) == (["opened"], "")


def test_why_nobody_is_notified_is_only_noted_where_no_target_is() -> None:
    many = [recipient(1, selection=Selection(levels=("notice",))), recipient(2)]
    decisions, why = decide(many, [finding()], {}, {17}, {}, NOON)
    assert [(one.recipient.pk, one.event) for one in decisions] == [(2, "opened")]
    assert why == {}
    assert decide([], [finding()], {}, {17}, {}, NOON) == ([], {})


def test_ids_are_stable_and_differ_by_what_happened() -> None:
    keys = [key_of(finding(), "opened", NOON), key_of(finding(returned=1), "returned", NOON), key_of(finding(), "recovered", NOON)]
    keys += [key_of(finding(), "level", NOON), key_of(finding(), "repeated", NOON), key_of(finding(), "repeated", at(60))]
    keys.append(key_of(finding(opened_at=at(1)), "opened", NOON))
    assert len(set(keys)) == len(keys)
    assert key_of(finding(), "opened", NOON) == key_of(finding(), "opened", at(999))
