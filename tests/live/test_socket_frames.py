"""What a browser may send: each topic is decided by itself, odd frames are answered, too much closes the socket with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.live import sockets
from tests.live.watching import Page, World, broker, in_database

pytestmark = pytest.mark.django_db(transaction=True)
DEEP = 20_000


@pytest_asyncio.fixture
async def world() -> World:
    return await in_database(World)


@pytest_asyncio.fixture
async def page(world: World) -> AsyncIterator[Page]:
    page = Page(world.cookie)
    assert await page.open()
    yield page
    await page.close()


async def test_a_frame_to_a_page_that_has_just_gone_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object, **__: object) -> None:
        raise Disconnected("Attempt to send on a closed protocol")

    monkeypatch.setattr(AsyncWebsocketConsumer, "send", gone)
    await sockets.LiveConsumer().send(text_data="{}")


@pytest.mark.parametrize(
    "frame",
    [
        "",
        " ",
        "[]",
        "{",
        "null",
        "1",
        '"subscribe"',
        "\x00",
        '{"subscribe": "queues/1/%2F"}',
        '{"subscribe": [{"topic": 3}]}',
        '{"subscribe": [null]}',
        '{"subscribe": [{"rows": []}]}',
        '{"subscribe": [{"topic": "\\ud800"}]}',
        '{"ack": "many"}',
        '{"ack": 1.5}',
        '{"ack": 1e400}',
        '{"ping": null, "pause": "yes"}',
        '{"delete": true}',
        "[" * DEEP,
        '{"subscribe": ' + "[" * DEEP + "]" * DEEP + "}",
        '{"a":' * (DEEP // 2) + "1" + "}" * (DEEP // 2),
    ],
    ids=lambda frame: frame[:24],
)
async def test_what_is_no_frame_is_called_malformed_and_the_socket_lives(page: Page, frame: str) -> None:
    await page.socket.send_input({"type": "websocket.receive", "text": frame})
    assert (await page.next())["error"]["code"] == "malformed"
    await page.request(ping=7)
    assert await page.next() == {"pong": 7}


@pytest.mark.parametrize(
    ("frame", "topic", "code"),
    [
        ({"subscribe": [{"topic": "secrets/1"}]}, "secrets/1", "unknown_topic"),
        ({"subscribe": [{"topic": ""}]}, "", "unknown_topic"),
        ({"subscribe": [{"topic": "x" * 5000}]}, "x" * 200, "unknown_topic"),
        ({"subscribe": [{"topic": "broker/999999"}]}, "broker/999999", "not_allowed"),
        ({"subscribe": [{"topic": "queues/999999999999999999/%00"}]}, "queues/999999999999999999/%00", "not_allowed"),
        ({"subscribe": [{"topic": "queues/1/%2F", "rows": ["worker-1"]}]}, "queues/1/%2F", "unknown_row"),
        ({"subscribe": [{"topic": "queues/1/%2F", "rows": ["queue-" + "9" * 5000]}]}, "queues/1/%2F", "unknown_row"),
        ({"resync": "queues/1/%2F"}, "queues/1/%2F", "not_subscribed"),
        ({"resync": "x" * 5000}, "x" * 200, "not_subscribed"),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_a_topic_that_is_refused_is_named_with_the_reason(page: Page, world: World, frame: dict[str, Any], topic: str, code: str) -> None:
    await page.request(**frame)
    (refused,) = (await page.next())["refused"]
    assert (refused["topic"], refused["code"]) == (topic, code)
    assert refused["message"] and len(refused["message"]) < 500
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    assert (await page.next())["full"]


async def test_topics_beside_a_refused_one_are_followed_and_the_rest_of_the_frame_is_done(page: Page, world: World) -> None:
    wanted = ["secrets/1", world.topic, "broker/999999", f"broker/{world.broker.pk}"]
    await page.request(subscribe=[{"topic": topic} for topic in wanted], resync="nothing", ping=3)
    frames = [await page.next() for _ in range(4)]
    assert {frame["topic"] for frame in frames if frame.get("full")} == {world.topic, f"broker/{world.broker.pk}"}
    assert {"pong": 3} in frames
    (refused,) = [frame["refused"] for frame in frames if "refused" in frame]
    assert [(one["topic"], one["code"]) for one in refused] == [("secrets/1", "unknown_topic"), ("broker/999999", "not_allowed"), ("nothing", "not_subscribed")]


async def test_only_the_topics_beyond_the_hundredth_are_refused(page: Page, world: World) -> None:
    names = [f"topology/{world.broker.pk}/v{number}" for number in range(sockets.MOST_TOPICS + 2)]
    await page.request(subscribe=[{"topic": name} for name in names])
    refused = (await page.until(topic=None))["refused"]
    assert [(one["topic"], one["code"]) for one in refused] == [(name, "too_many_topics") for name in names[sockets.MOST_TOPICS :]]
    await page.request(unsubscribe=names, ack=1000)
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    assert (await page.until(topic=world.topic))["full"]


async def test_a_topic_with_more_rows_than_fit_leaves_the_others(page: Page, world: World) -> None:
    too_many = [f"queue-{number}" for number in range(1, sockets.MOST_ROWS + 2)]
    await page.request(subscribe=[{"topic": f"queues/{world.broker.pk}/other", "rows": too_many}, {"topic": world.topic, "rows": [world.key]}])
    frames = [await page.next(), await page.next()]
    assert {frame["refused"][0]["code"] if "refused" in frame else frame["topic"] for frame in frames} == {"too_many_rows", world.topic}


async def test_a_broker_added_meanwhile_can_be_followed(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic}])
    await page.next()
    added = await in_database(broker, "added")
    await page.request(subscribe=[{"topic": f"broker/{added.pk}"}])
    assert (await page.next())["full"]


@pytest.mark.parametrize(
    "frame", [{"text_data": " " * (sockets.LONGEST_FRAME + 1)}, {"bytes_data": b"{}"}, {"bytes_data": b"\xff\x00"}], ids=["long", "binary", "no text"]
)
async def test_a_frame_that_is_too_long_or_no_text_ends_the_socket_with_the_reason(page: Page, frame: dict[str, Any]) -> None:
    await page.socket.send_to(**frame)
    assert (await page.next())["error"]["code"] == "too_long"
    end = await page.socket.receive_output(timeout=60)
    assert (end["type"], end["code"], bool(end["reason"])) == ("websocket.close", sockets.TOO_LONG, True)
