"""The hub: who gets which frame, and how often it is made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.live.frames import Moment, Patch
from dashboard.live.hub import Hub, Rows

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOPIC = "queues/1/%2F"


class Page:
    """A viewer that keeps what it got."""

    def __init__(self, session_key: str = "s", fails: bool = False) -> None:
        self.session_key = session_key
        self.frames: list[str] = []
        self.fails = fails
        self.refused = False

    async def deliver(self, topic: str, frame: str) -> None:
        if self.fails:
            raise ConnectionResetError
        self.frames.append(frame)

    async def deliver_state(self, topic: str, rows: Rows, frame: str) -> None:
        self.frames.append(frame)

    async def refuse(self) -> None:
        self.refused = True

    @property
    def rows(self) -> list[set[str]]:
        return [set(json.loads(frame)["rows"]) for frame in self.frames]


def patch(*keys: str) -> Patch:
    return Patch(TOPIC, "e", 1, Moment(NOON, NOON, 5), dict.fromkeys(keys, '{"text":{"depth":"1"}}'))


async def test_a_viewer_gets_only_the_rows_that_it_shows() -> None:
    hub, few, none, every = Hub(), Page(), Page(), Page()
    hub.join(TOPIC, few, frozenset({"queue-1", "queue-3"}))
    hub.join(TOPIC, none, frozenset())
    hub.join(TOPIC, every, None)
    assert await hub.publish(patch("queue-1", "queue-2")) == 3
    assert (few.rows, none.rows, every.rows) == ([{"queue-1"}], [set()], [{"queue-1", "queue-2"}])


async def test_viewers_of_the_same_rows_share_one_text() -> None:
    hub, pages = Hub(), [Page() for _ in range(250)]
    for page in pages:
        hub.join(TOPIC, page, frozenset({"queue-1"}))
    await hub.publish(patch("queue-1"))
    assert len({id(page.frames[0]) for page in pages}) == 1


async def test_a_viewer_that_fails_is_refused_and_the_others_are_served() -> None:
    hub, broken, fine = Hub(), Page(fails=True), Page()
    hub.join(TOPIC, broken, frozenset({"queue-1"}))
    hub.join(TOPIC, fine, frozenset({"queue-1"}))
    await hub.publish(patch("queue-1"))
    assert broken.refused and fine.rows == [{"queue-1"}]


def test_watched_rows_are_those_of_all_viewers_and_go_with_the_last() -> None:
    hub, first, second = Hub(), Page(), Page()
    hub.join(TOPIC, first, frozenset({"queue-1"}))
    hub.join(TOPIC, second, frozenset({"queue-2", "queue-3"}))
    assert hub.watched == {TOPIC: {"queue-1", "queue-2", "queue-3"}}
    hub.join(TOPIC, second, frozenset({"queue-4"}))
    assert hub.watched == {TOPIC: {"queue-1", "queue-4"}}
    hub.leave(TOPIC, first)
    hub.leave(TOPIC, first)
    hub.leave(TOPIC, second)
    assert hub.watched == {} and hub.looked_at == {}


def test_only_few_rows_are_looked_at_closely() -> None:
    hub, detail, table = Hub(), Page(), Page()
    hub.join(TOPIC, detail, frozenset({"queue-7"}))
    hub.join(TOPIC, table, frozenset({"queue-1", "queue-2", "queue-3", "queue-4"}))
    assert hub.looked_at == {TOPIC: {"queue-7"}}


async def test_a_session_that_ended_closes_its_sockets_only() -> None:
    hub, gone, stays = Hub(), Page("a"), Page("b")
    hub.enter(gone)
    hub.enter(stays)
    await hub.end_session("a")
    assert gone.refused and not stays.refused
    assert hub.exit(gone) is False
    assert hub.exit(stays) is True


@pytest.mark.parametrize(("shown", "rows"), [(None, {"queue-1": {"text": {}}}), (frozenset(), {}), (frozenset({"queue-1"}), {"queue-1": {"text": {}}})])
def test_a_frame_is_json_with_its_age(shown: frozenset[str] | None, rows: dict[str, Any]) -> None:
    later = Moment(datetime(2026, 1, 1, 12, 0, 2, tzinfo=UTC), NOON, 5)
    frame = Patch(TOPIC, "e", 7, later, {"queue-1": '{"text":{}}'}, ["table", "bindings"], True, {"table": "1f"}).frame(shown)
    assert json.loads(frame) == {
        "topic": TOPIC,
        "epoch": "e",
        "seq": 7,
        "at": "2026-01-01T12:00:00.000Z",
        "age_seconds": 2.0,
        "interval_seconds": 5,
        "full": True,
        "facts": {"table": "1f"},
        "parts": ["bindings", "table"],
        "rows": rows,
    }
