"""A topic's memory: what is sent, what is not, and what the clock alone changes."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from dashboard.live.patches import Build, Loaded, TopicPatches, tokens
from dashboard.live.rows import LiveRow
from dashboard.live.topics import QUEUES, Topic

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def row(key: str, depth: int, since: datetime | None = None) -> Build:
    def build(now: datetime) -> LiveRow:
        age = {} if since is None else {"age": f"{(now - since).seconds} s"}
        return LiveRow(key, text={"depth": str(depth), **age}, number={"depth": depth}, mark={"level": "ok"})

    return build


def loaded(facts: dict[str, Hashable] | None = None, at: datetime = NOON, **depths: int) -> Loaded:
    return Loaded({key: row(key, depth) for key, depth in depths.items()}, facts or {"table": 1}, {}, at, 5)


def sent(patch: Any) -> dict[str, Any]:
    return msgspec.json.decode(patch.frame(None))


def topic() -> TopicPatches:
    return TopicPatches(Topic(QUEUES, 1, "/"), "epoch")


def test_only_the_cells_that_changed_are_sent() -> None:
    patches = topic()
    patches.extend(loaded(q1=1, q2=5), NOON)
    frame = sent(patches.replace(loaded(q1=2, q2=5), NOON + SECOND))
    assert frame["rows"] == {"q1": {"text": {"depth": "2"}, "number": {"depth": 2}}}
    assert (frame["seq"], frame["age_seconds"], frame["parts"]) == (1, 1.0, [])


def test_a_poll_without_news_still_renews_the_age() -> None:
    patches = topic()
    patches.extend(loaded(q1=1), NOON)
    frame = sent(patches.replace(loaded(at=NOON + 5 * SECOND, q1=1), NOON + 5 * SECOND))
    assert (frame["rows"], frame["age_seconds"], frame["at"]) == ({}, 0.0, "2026-01-01T12:00:05.000Z")


def test_parts_are_named_when_their_fact_changed_and_never_at_first() -> None:
    patches = topic()
    patches.extend(loaded({"bindings": 1, "table": (2, 9)}), NOON)
    assert sent(patches.replace(loaded({"bindings": 1, "table": (3, 10), "consumers": ()}), NOON))["parts"] == ["table"]


def test_parts_that_change_all_the_time_are_named_together_after_a_pause() -> None:
    def busy(newest: int, *, states: int = 0) -> Loaded:
        return Loaded({}, {"tasks": newest, "states": states}, {}, NOON, 5, parts_at_most_every_seconds=2)

    patches = topic()
    patches.extend(busy(1), NOON)
    assert sent(patches.replace(busy(2), NOON))["parts"] == ["tasks"]
    assert sent(patches.replace(busy(3), NOON + SECOND))["parts"] == []
    assert sent(patches.replace(busy(3, states=1), NOON + SECOND))["parts"] == []
    assert patches.tick(NOON + SECOND) is None
    ticked = patches.tick(NOON + 2 * SECOND)
    assert ticked is not None and sent(ticked)["parts"] == ["states", "tasks"]
    assert patches.tick(NOON + 5 * SECOND) is None


def test_parts_of_one_row_are_named_in_that_row() -> None:
    patches, rows = topic(), {"q1": row("q1", 1), "q2": row("q2", 1)}
    patches.extend(Loaded(rows, {}, {"q1": {"consumers": 1}, "q2": {"consumers": 1}}, NOON), NOON)
    frame = sent(patches.replace(Loaded(rows, {}, {"q1": {"consumers": 2}, "q2": {"consumers": 1}}, NOON), NOON))
    assert (frame["rows"], frame["parts"]) == ({"q1": {"parts": ["consumers"]}}, [])


def test_the_clock_alone_changes_ages() -> None:
    patches = topic()
    patches.extend(Loaded({"q1": row("q1", 1, since=NOON), "q2": row("q2", 1)}, at=NOON), NOON)
    assert sent(patches.tick(NOON + 3 * SECOND))["rows"] == {"q1": {"text": {"age": "3 s"}}}
    assert patches.tick(NOON + 3 * SECOND) is None


def test_the_state_is_whole_and_has_the_number_of_the_last_patch() -> None:
    patches = topic()
    patches.extend(loaded(q1=1), NOON)
    patches.replace(loaded(q1=2), NOON)
    patches.extend(loaded(q2=7), NOON)
    frame = sent(patches.state(NOON))
    assert (frame["full"], frame["seq"]) == (True, 1)
    assert {key: news["text"]["depth"] for key, news in frame["rows"].items()} == {"q1": "2", "q2": "7"}
    assert all(set(news) == {"text", "mark", "number", "facts"} for news in frame["rows"].values())


def test_a_row_that_is_gone_is_dropped_and_whole_when_it_comes_back() -> None:
    patches = topic()
    patches.extend(loaded(q1=1, q2=1), NOON)
    patches.replace(loaded(q2=1), NOON)
    assert set(sent(patches.state(NOON))["rows"]) == {"q2"}
    assert sent(patches.replace(loaded(q1=1, q2=1), NOON))["rows"] == {"q1": {"text": {"depth": "1"}, "mark": {"level": "ok"}, "number": {"depth": 1}}}


def test_a_topic_of_which_nothing_is_known_has_no_age() -> None:
    frame = sent(topic().state(NOON))
    assert (frame["at"], frame["age_seconds"], frame["rows"]) == (None, None, {})


def test_a_row_that_cant_be_built_changes_nothing_and_is_reported_once() -> None:
    def broken(now: datetime) -> LiveRow:
        raise ValueError(now)

    patches = topic()
    patches.extend(loaded({"table": 1}, q1=1), NOON)
    both = loaded({"table": 2}, at=NOON + SECOND, q1=2)
    both.rows["q2"] = broken
    with pytest.raises(ValueError, match="2026"):
        patches.replace(both, NOON + SECOND)
    failing = patches.fail("ValueError", NOON + SECOND)
    assert sent(failing)["failing"] == {"since": "2026-01-01T12:00:01.000Z", "reason": "ValueError"}
    assert patches.fail("ValueError", NOON + 2 * SECOND) is None
    assert sent(patches.state(NOON + 2 * SECOND))["rows"]["q1"]["text"]["depth"] == "1"
    mended = sent(patches.replace(loaded({"table": 2}, at=NOON + 3 * SECOND, q1=2), NOON + 3 * SECOND))
    assert "failing" not in mended and mended["parts"] == ["table"] and mended["rows"]["q1"]["text"] == {"depth": "2"}


def test_the_state_has_a_token_of_each_fact_that_changes_with_it() -> None:
    def state(patches: TopicPatches) -> Any:
        frame = sent(patches.state(NOON))
        return frame["facts"], frame["rows"]["q1"]["facts"]

    patches, first = topic(), loaded({"table": 1, "board": 1}, q1=1)
    first.row_facts = {"q1": {"consumers": ("a",), "story": 1}}
    patches.extend(first, NOON)
    before = state(patches)
    assert before == (tokens({"table": 1, "board": 1}), tokens({"consumers": ("a",), "story": 1}))
    then = loaded({"table": 2, "board": 1}, q1=1)
    then.row_facts = {"q1": {"consumers": ("a", "b"), "story": 1}}
    patches.replace(then, NOON)
    assert state(patches) == (tokens({"table": 2, "board": 1}), tokens({"consumers": ("a", "b"), "story": 1}))


def test_what_a_failing_topic_knew_stays_and_follows_the_clock() -> None:
    patches = topic()
    patches.extend(Loaded({"q1": row("q1", 1, since=NOON)}, at=NOON), NOON)
    patches.fail("OperationalError", NOON + SECOND)
    aged = sent(patches.tick(NOON + 3 * SECOND))
    assert aged["rows"] == {"q1": {"text": {"age": "3 s"}}} and aged["failing"]["since"] == "2026-01-01T12:00:01.000Z"
    whole = sent(patches.state(NOON + 3 * SECOND))
    assert whole["failing"] == aged["failing"] and whole["rows"]["q1"]["text"] == {"depth": "1", "age": "3 s"}
