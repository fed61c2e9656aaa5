"""What a page was rendered from: one moment, and the same tokens as the tail's first state."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from brokers.queries.one_moment import one_moment
from brokers.scope import EVERYTHING
from dashboard.live import sources, topics
from dashboard.live.frames import encode
from dashboard.live.patches import TopicPatches
from dashboard.live.seen import live_page
from tests.live.watching import broker, person, queue
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(act: Any) -> None:
    """In another connection, as another process would."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


def test_what_is_read_in_one_moment_does_not_see_what_is_stored_meanwhile_and_holds_nobody_up() -> None:
    broker("first")
    with one_moment():
        before = Broker.objects.count()
        elsewhere(lambda: broker("second"))
        assert Broker.objects.count() == before == 1
    assert Broker.objects.count() == 2


def test_what_a_page_has_seen_is_only_known_within_one_moment() -> None:
    with pytest.raises(RuntimeError, match="one_moment"):
        live_page(["broker/1"], scope=EVERYTHING)


@pytest.mark.parametrize("path", ["/workers/", "/tasks/", "/queues/", "/exchanges/", "/", "/queues/{queue}/", "/workers/{worker}/", "/tasks/{task}/"])
def test_every_page_carries_what_it_was_rendered_from_as_the_first_state_will(client: Client, path: str) -> None:
    client.force_login(person())
    now = timezone.now()
    place: dict[str, Any] = {"broker": broker(), "vhost": "/", "first_seen_at": now, "changed_at": now}
    mail = queue(place["broker"], "mail")
    worker = Worker.objects.create(hostname="a@web-1", state=Worker.ONLINE, queues=[{"name": "mail"}], heartbeat_at=now - timedelta(seconds=1), **place)
    task = Task.objects.create(uuid="one", state="STARTED", **place)
    html = client.get(path.format(queue=mail.pk, worker=worker.pk, task=task.pk)).content.decode()
    seen = json.loads(unescape(html.split('data-seen="')[1].split('"')[0]))
    assert set(seen) == set(json.loads(unescape(html.split('data-topics="')[1].split('"')[0])))
    for name, shown in seen.items():
        topic = topics.parse(name)
        assert topic
        patches = TopicPatches(topic, "epoch")
        patches.extend(sources.load(topic, shown["rows"], shown["rows"]), now)
        state = json.loads(patches.state(now).frame(frozenset(shown["rows"])))
        assert (shown["at"], shown["facts"]) == (state["at"], state["facts"])
        assert shown["rows"] == {key: row["facts"] for key, row in state["rows"].items()}
    assert any(shown["rows"] for shown in seen.values()) == ("{" in path), encode(seen)
