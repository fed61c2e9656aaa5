"""Whatever frames a page of somebody sends who may view some queues only, no frame that comes back names anything else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.models import Connection, Exchange, Node, Queue
from dashboard.live.topics import ROW_KINDS
from tests.hypothesis_profiles import examples
from tests.live.watching import Page, in_database, log_in, poll
from tests.people import person
from tests.secret_shop import ELSEWHERE, SHOP, Shop, without_echoes
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = {"queue": Queue, "exchange": Exchange, "connection": Connection, "node": Node, "worker": Worker, "task": Task}


class World:
    """The shop, who may view `orders.*` of it, and who may view everything."""

    def __init__(self) -> None:
        self.shop = Shop()
        at: dict[str, Any] = {"broker": self.shop.broker, "first_seen_at": self.shop.now, "changed_at": self.shop.now}
        for vhost, queue, name in ((SHOP, "orders.eu", "orders"), (SHOP, "SECRETqueue", "SECRET"), (ELSEWHERE, "SECRET-ELSEWHERE-queue", "SECRET-ELSEWHERE-")):
            Worker.objects.create(**at, vhost=vhost, hostname=f"{name}@here", state=Worker.ONLINE, queues=[{"name": queue}], heartbeat_at=self.shop.now)
            Task.objects.create(**at, vhost=vhost, uuid=f"{name}-uuid", name=f"{name}.task", state="STARTED", queue=queue, worker=f"{name}@here")
        self.cookies = {role: log_in(person(role, **place)) for role, place in (("some", {"vhost": SHOP, "queue": "orders.*"}), ("all", {}))}
        self.keys = {kind: [f"{kind}-{key}" for key in model.objects.values_list("pk", flat=True)] for kind, model in ROWS.items()}
        self.keys["broker"] = [f"broker-{self.shop.broker.pk}"]

    def topics(self) -> list[tuple[str, list[str]]]:
        """[(name of a topic, keys of rows of its kinds)], of both virtual hosts."""
        found = []
        for kind, rows in ROW_KINDS.items():
            places = [""] if kind == "broker" else [f"/{quote(vhost, safe='')}" for vhost in (SHOP, ELSEWHERE)]
            found += [(f"{kind}/{self.shop.broker.pk}{place}", [key for row in rows for key in self.keys[row]]) for place in places]
        return found

    async def frames(self, who: str, subscribed: list[dict[str, Any]], resynced: str) -> str:
        """All that the page is sent after these frames and a poll, but for the names of topics, which are its own words."""
        page = Page(self.cookies[who])
        assert await page.open()
        await page.request(subscribe=subscribed)
        await page.request(resync=resynced)
        await in_database(poll, self.shop.broker, SECRETqueue=77, **{"orders.eu": 5})
        await page.request(ping=1)
        found: list[dict[str, Any]] = []
        while not found or "pong" not in found[-1]:
            found.append(await page.next())
        while not await page.socket.receive_nothing(timeout=0.05):
            found.append(await page.next())
        await page.close()
        return without_echoes(msgspec.json.encode(found).decode(), ELSEWHERE)


async def test_no_frame_names_what_is_beyond_the_rights() -> None:
    world: World = await in_database(World)
    wanted = world.topics()

    async def all_at_once(who: str) -> str:
        return "".join([await world.frames(who, [{"topic": name, "rows": rows}], name) for name, rows in wanted])

    assert "SECRET" in await all_at_once("all")
    assert "SECRET" not in await all_at_once("some")

    @settings(max_examples=examples(10, 300), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def frames(data: st.DataObject) -> None:
        rows = st.lists(st.sampled_from(sorted(key for keys in world.keys.values() for key in keys)), max_size=6)
        topics = st.sampled_from([name for name, _ in wanted])
        drawn.append((data.draw(st.lists(st.fixed_dictionaries({"topic": topics, "rows": rows}), max_size=4)), data.draw(topics)))

    drawn: list[tuple[list[dict[str, Any]], str]] = []
    frames()
    for subscribed, resynced in drawn:
        assert "SECRET" not in await world.frames("some", subscribed, resynced), (subscribed, resynced)
