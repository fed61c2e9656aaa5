"""Which worker nodes are inspected in which format and how often, and the formats themselves."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import pytest

from workers.inspection import formats
from workers.inspection.audience import JSON, MSGPACK, PICKLE, YAML, Audience

REQUEST = {"method": "stats", "arguments": {}, "destination": ["ü@h"], "ticket": "1"}


def requested(audience: Audience, seconds: range) -> list[tuple[int, str | None, str]]:
    return [(second, hostname, content_type) for second in seconds for hostname, content_type in audience.probes(second)]


def test_a_living_node_gets_one_format_after_another() -> None:
    audience = Audience()
    audience.expect({"w@h": True}, 0)
    assert requested(audience, range(40)) == [(0, "w@h", JSON), (3, "w@h", YAML), (9, "w@h", MSGPACK), (21, "w@h", PICKLE)]
    assert audience.answered("w@h", YAML, 22)  # however late it comes
    assert not audience.answered("w@h", YAML, 23)
    assert (audience.answering(23), audience.all_answer(23), audience.probes(60)) == ({"w@h": YAML}, True, [])


def test_a_node_that_never_answers_gets_fewer_and_fewer_requests() -> None:
    audience = Audience()
    audience.expect({"w@h": True, "v@h": True}, 0)
    audience.answered("v@h", JSON, 0)
    requests = 0
    for second in range(3600):
        audience.answered("v@h", JSON, second)
        requests += len(audience.probes(second))
    assert requests == 11  # in an hour; every 3 s it would be 1,200
    assert audience.trouble("w@h", 3600).startswith("it has never answered remote control, in JSON, YAML, msgpack and pickle: its accept_content")
    assert (audience.answering(3600), audience.all_answer(3600), audience.slowness(3600)) == ({"v@h": JSON}, False, 3.0)


def test_a_busy_node_gets_its_own_format_alone_and_one_that_restarts_at_once() -> None:
    audience = Audience()
    audience.expect({"w@h": False}, 0)
    assert {content_type for _, _, content_type in requested(audience, range(500))} == {JSON}
    assert (audience.trouble("w@h", 500), audience.slowness(500)) == ("", 1.0)  # it is busy, and logs nothing
    audience.meet("w@h", 500)
    assert audience.probes(500) == [("w@h", JSON)]


def test_a_command_that_a_node_never_answers_is_sent_less_and_less_and_the_others_as_ever() -> None:
    audience, sent = Audience(), {"stats": 0, "active": 0}
    for second in range(0, 3600, 3):
        audience.answered("w@h", YAML, second, "active")
        for command in sent:
            if audience.is_due("w@h", command, second):
                audience.note_sent("w@h", command, second)
                sent[command] += 1
    assert sent == {"stats": 9, "active": 1200}
    assert (audience.refused("w@h"), audience.all_answer(3600)) == (["stats"], False)
    assert audience.trouble("w@h", 3600) == "it answers, but not stats: perhaps YAML has no form for that answer"
    audience.answered("w@h", JSON, 3601, "stats")
    assert (audience.trouble("w@h", 3602), audience.all_answer(3602)) == ("", True)


def test_weeks_of_requests_to_everybody_that_one_node_never_answers_end_in_no_error() -> None:
    audience = Audience()
    for second in range(20_000):
        audience.answered("w@h", JSON, second, "active")
        audience.note_sent("w@h", "stats", second)
    assert audience.refused("w@h") == ["stats"]


def test_where_no_node_is_known_everybody_gets_fewer_and_fewer_requests() -> None:
    audience = Audience("application/x-team-json")
    assert [second for second, _, _ in requested(audience, range(60))] == [0, 3, 9, 21, 45]
    assert audience.answered("w@h", "application/x-team-json", 60)
    assert audience.probes(61) == []


def test_nodes_without_a_control_queue_get_no_requests() -> None:
    audience = Audience()
    audience.expect({"w@h": True}, 0)
    audience.expect({"v@h": True}, 1)
    assert audience.probes(1) == [("v@h", JSON)]


@pytest.mark.parametrize("content_type", [JSON, YAML, MSGPACK, PICKLE, "application/x-super-json"])
def test_a_request_is_read_back_in_each_format(content_type: str) -> None:
    body, encoding = formats.write(REQUEST, content_type)
    assert formats.read(body, content_type) == REQUEST
    assert encoding in ("utf-8", "binary")


def test_the_counts_in_a_pickled_answer_are_read() -> None:
    assert formats.read(pickle.dumps({"w@h": {"total": Counter({"t": 2})}}), PICKLE) == {"w@h": {"total": {"t": 2}}}


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("run",))


LOOP: list[Any] = []
LOOP.append(LOOP)
MANY: Any = "x"
for _ in range(40):
    MANY = [MANY, MANY]


@pytest.mark.parametrize("value", [Evil(), LOOP, MANY], ids=["code", "itself", "a trillion"])
def test_a_pickled_answer_runs_nothing_and_is_bounded(value: Any) -> None:
    with pytest.raises(formats.Unreadable):
        formats.read(pickle.dumps({"w@h": value}), PICKLE)


@pytest.mark.parametrize("content_type", [None, "", "text/plain", JSON, YAML, MSGPACK, PICKLE])
def test_what_can_not_be_read_is_one_error(content_type: str | None) -> None:
    with pytest.raises(formats.Unreadable):
        formats.read(b"\xff{[", content_type)
