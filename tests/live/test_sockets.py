"""The live socket: who gets one, what may be requested, and that what is stored arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import AsyncMock

import pytest
import pytest_asyncio
from django.db import OperationalError

from dashboard.live import sockets
from dashboard.live.process import LiveProcess
from dashboard.models import User
from tests.live.watching import LONG, Page, World, in_database, log_in, poll, queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def world() -> World:
    return await in_database(World)


@pytest_asyncio.fixture
async def page(world: World) -> AsyncIterator[Page]:
    page = Page(world.cookie)
    assert await page.open()
    assert await page.is_known()
    yield page
    await page.close()


async def test_a_stranger_gets_no_socket(world: World) -> None:
    assert not await Page().open()


async def test_a_session_that_is_not_one_is_closed_before_anything_is_sent(world: World) -> None:
    page = Page("0123456789abcdef0123456789abcdef")
    assert await page.open()
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    assert await page.socket.receive_output(timeout=LONG) == {"type": "websocket.close", "code": sockets.LOGGED_OUT}
    assert await page.socket.receive_nothing()
    assert LiveProcess.counts() == (0, 0)


async def test_a_page_of_another_site_gets_no_socket(world: World) -> None:
    for origin in ("http://evil.example", "http://localhost:9", "null", ""):
        assert not await Page(world.cookie, origin).open()


async def test_somebody_who_was_disabled_gets_no_socket(world: World) -> None:
    await in_database(User.objects.filter(pk=world.user.pk).update, is_active=False)
    page = Page(world.cookie)
    assert await page.open()
    assert await page.socket.receive_output(timeout=LONG) == {"type": "websocket.close", "code": sockets.LOGGED_OUT}


async def test_who_may_view_nothing_keeps_a_socket_on_which_each_topic_is_refused(world: World) -> None:
    nobody = await in_database(User.objects.create_user, "nobody")
    page = Page(await in_database(log_in, nobody))
    assert await page.open()
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}, {"topic": f"broker/{world.broker.pk}"}])
    assert [one["code"] for one in (await page.next())["refused"]] == ["not_allowed", "not_allowed"]
    assert await page.is_known(), "closed with 4401 the page would load itself again and again"
    await page.close()


async def test_who_may_view_nothing_any_longer_is_refused_what_was_followed(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    await page.until(topic=world.topic)
    await in_database(User.objects.update, is_superuser=False)
    process = LiveProcess.current()
    assert process
    user = await in_database(User.objects.get)
    await in_database(lambda: user.rights)  # as the tail has read them
    await process.hub.renew_session(world.cookie, user)
    assert [one["code"] for one in (await page.until(topic=None))["refused"]] == ["not_allowed"]
    assert await page.is_known()


async def test_while_the_database_is_away_a_page_is_closed_and_may_try_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "get_user", AsyncMock(side_effect=OperationalError("database is locked")))
    page = Page(world.cookie)
    assert await page.open()
    assert await page.socket.receive_output(timeout=LONG) == {"type": "websocket.close", "code": sockets.UNAVAILABLE}


async def test_the_first_frame_is_the_whole_state_of_the_requested_rows(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    frame = await page.next()
    assert (frame["topic"], frame["full"], list(frame["rows"])) == (world.topic, True, [world.key])
    assert frame["rows"][world.key]["text"]["depth"] == "3"
    assert frame["age_seconds"] < 10 and frame["interval_seconds"] == 5


async def test_what_a_poll_changed_arrives_and_nothing_else(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    state = await page.next()
    await in_database(poll, world.broker, mail=12480, reports=5)
    frame = await page.until(seq=state["seq"] + 1)
    assert list(frame["rows"]) == [world.key]
    assert frame["rows"][world.key]["text"]["depth"] == "12,480"
    assert "level" not in frame["rows"][world.key].get("mark", {})
    assert frame["at"] > state["at"]


async def test_a_queue_that_appears_makes_the_table_outdated(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    await page.next()
    await in_database(queue, world.broker, "new")
    await in_database(poll, world.broker)
    assert "table" in (await page.next())["parts"]


async def test_a_brokers_topic_has_all_its_rows(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": f"broker/{world.broker.pk}", "rows": None}])
    assert f"broker-{world.broker.pk}" in (await page.next())["rows"]
    await in_database(poll, world.broker)
    assert (await page.next())["topic"] == f"broker/{world.broker.pk}"


async def test_a_row_of_another_virtual_host_is_not_in_the_topic(page: Page, world: World) -> None:
    other = await in_database(queue, world.broker, "elsewhere", vhost="other")
    await page.request(subscribe=[{"topic": world.topic, "rows": [f"queue-{other.pk}", world.key]}])
    assert list((await page.next())["rows"]) == [world.key]


async def test_a_slow_page_gets_the_latest_state_instead_of_a_backlog(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    await page.next()
    for depth in range(1, sockets.WINDOW):
        await in_database(poll, world.broker, mail=depth)
        await page.next()
    for depth in range(100, 100 + sockets.WINDOW):
        await in_database(poll, world.broker, mail=depth)
    assert await page.socket.receive_nothing(timeout=0.3)
    await page.request(ack=sockets.WINDOW)
    state = await page.until(full=True)
    assert state["rows"][world.key]["text"]["depth"] == str(99 + sockets.WINDOW)


async def test_a_page_that_pauses_gets_nothing_and_then_the_state(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    await page.next()
    await page.request(pause=True)
    await page.request(ack=1)  # answered in order: the pause is in force when the next frames would come
    await in_database(poll, world.broker, mail=77)
    assert await page.socket.receive_nothing(timeout=0.3)
    await page.request(pause=False)
    assert (await page.until(full=True))["rows"][world.key]["text"]["depth"] == "77"


async def test_a_resync_answers_the_state_with_the_topics_number(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}])
    first = await page.next()
    await page.request(resync=world.topic)
    again = await page.until(full=True)
    assert (again["seq"] >= first["seq"], again["epoch"]) == (True, first["epoch"])


async def test_after_unsubscribing_nothing_comes(page: Page, world: World) -> None:
    await page.request(subscribe=[{"topic": world.topic, "rows": [world.key]}, {"topic": f"broker/{world.broker.pk}"}])
    await page.until(topic=world.topic)
    await page.request(unsubscribe=[world.topic])
    await page.request(resync=world.topic)
    assert (await page.until(topic=None))["refused"][0]["code"] == "not_subscribed"
    await in_database(poll, world.broker, mail=9)
    assert (await page.next())["topic"] == f"broker/{world.broker.pk}"


async def test_a_session_that_ended_takes_the_socket_with_it(page: Page, world: World) -> None:
    process = LiveProcess.current()
    assert process
    await process.hub.end_session(world.cookie)
    output: dict[str, Any] = await page.socket.receive_output(timeout=60)
    assert (output["type"], output["code"]) == ("websocket.close", sockets.LOGGED_OUT)


async def test_the_last_socket_ends_the_tail(world: World) -> None:
    page = Page(world.cookie)
    assert await page.open()
    assert await page.is_known() and LiveProcess.current()
    await page.close()
    assert LiveProcess.current() is None
