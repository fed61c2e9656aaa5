"""The tail's thread: it notices what is stored, ends sessions, notes for the poller what is viewed, and survives failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from brokers.models import DetailRequest
from brokers.polling import leases
from dashboard.live.frames import Patch
from dashboard.live.hub import Hub, Rows
from dashboard.live.outcomes import Outcome, SessionEnded, State, StateRequest
from dashboard.live.tail import Rhythm, Tail
from dashboard.live.topics import parse
from dashboard.models import User
from dashboard.people.access import ALL_RIGHTS
from tests.live.watching import broker, log_in, person, poll, queue
from tests.waiting import wait_until
from workers.models import EventSource, Task, Worker

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = Rhythm(look=0.01, tick=0.02, detail_request=0, session=0, tick_share=0)
QUIET = Rhythm(look=0.01, tick=1000)


class Viewer:
    def __init__(self, session_key: str) -> None:
        self.session_key, self.rights = session_key, ALL_RIGHTS

    async def deliver(self, topic: str, frame: str) -> None: ...

    async def deliver_state(self, topic: str, rows: Rows, frame: str) -> None: ...

    async def refuse(self) -> None: ...

    async def renew(self, user: User) -> None: ...


class Watch:
    """A running tail, its hub, and what came out of it."""

    def __init__(self, rhythm: Rhythm, session_key: str = "nobody") -> None:
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.hub = Hub()
        self.viewer = Viewer(session_key)
        self.hub.enter(self.viewer)
        self.tail = Tail(self.hub, self.outcomes.put, rhythm)
        self.tail.start()

    def show(self, topic: str, *keys: str, viewer: Viewer | None = None) -> dict[str, Any]:
        """The state of the topic, once it is there."""
        viewer = viewer or self.viewer
        rows = self.hub.join(topic, viewer, frozenset(keys))
        parsed = parse(topic)
        assert parsed
        self.tail.request(StateRequest(parsed, viewer, rows))
        while True:
            outcome = self.outcomes.get(timeout=60)
            if isinstance(outcome, State):
                return msgspec.json.decode(outcome.patch.frame(outcome.rows))

    def patch(self) -> dict[str, Any]:
        while True:
            outcome = self.outcomes.get(timeout=60)
            if isinstance(outcome, Patch):
                return msgspec.json.decode(outcome.frame(None))

    def nothing(self) -> bool:
        try:
            return self.outcomes.get(timeout=0.2) is None
        except Empty:
            return True


@pytest.fixture
def watches() -> Iterator[list[Watch]]:
    watches: list[Watch] = []
    yield watches
    for watch in watches:
        watch.tail.stop()
        watch.tail.join(60)


def test_the_patches_of_a_poll_come_for_the_topics_of_that_broker_only(watches: list[Watch]) -> None:
    one, other = broker("one"), broker("other")
    mail = queue(one, "mail")
    watches.append(watch := Watch(QUIET))
    watch.show(f"queues/{one.pk}/%2F", f"queue-{mail.pk}")
    watch.show(f"broker/{other.pk}")
    poll(one, mail=4)
    frame = watch.patch()
    assert frame["rows"][f"queue-{mail.pk}"]["text"]["depth"] == "4"
    assert watch.nothing()


def test_a_worker_that_grows_is_sent_when_its_event_source_stored_it(watches: list[Watch]) -> None:
    one, now = broker(), timezone.now()
    source = EventSource.objects.create(broker=one, vhost="/", state=EventSource.RECEIVING)
    grows = Worker.objects.create(
        broker=one,
        vhost="/",
        hostname="a@web-1",
        state=Worker.ONLINE,
        pool="prefork",
        concurrency=4,
        active=0,
        heartbeat_at=now,
        first_seen_at=now,
        changed_at=now,
    )
    watches.append(watch := Watch(QUIET))
    key = f"worker-{grows.pk}"
    assert watch.show(f"workers/{one.pk}/%2F", key)["rows"][key]["text"]["concurrency"] == "4"
    Worker.objects.filter(pk=grows.pk).update(concurrency=6)
    EventSource.objects.filter(pk=source.pk).update(revision=1)
    frame = watch.patch()
    assert frame["rows"][key]["text"]["concurrency"] == "6"
    assert "worker" in frame["rows"][key]["parts"] and "board" in frame["parts"]


def test_a_task_that_ends_is_sent_and_newer_ones_are_only_counted(watches: list[Watch]) -> None:
    one, now = broker(), timezone.now()
    source = EventSource.objects.create(broker=one, vhost="/", state=EventSource.RECEIVING)
    common: dict[str, Any] = {"broker": one, "vhost": "/", "first_seen_at": now, "changed_at": now}
    parent = Task.objects.create(uuid="parent", state="STARTED", **common)
    watches.append(watch := Watch(QUIET))
    key = f"task-{parent.pk}"
    assert watch.show(f"tasks/{one.pk}/%2F", key)["rows"][key]["mark"]["state"] == "STARTED"
    Task.objects.filter(pk=parent.pk).update(state="SUCCESS", changed_at=timezone.now())
    Task.objects.create(uuid="child", state="RECEIVED", parent_id="parent", **common)
    EventSource.objects.filter(pk=source.pk).update(revision=1)
    frame = watch.patch()
    assert list(frame["rows"]) == [key]
    assert frame["rows"][key]["mark"] == {"level": "ok", "state": "SUCCESS"}
    assert sorted(frame["rows"][key]["parts"]) == ["family", "task"]
    assert frame["parts"] == ["tasks"]


def test_the_age_of_tasks_is_that_of_the_last_event_where_it_came_after_the_receivers_heartbeat(watches: list[Watch]) -> None:
    watch = Watch(QUIET)
    watches.append(watch)
    prod, now = broker(), timezone.now()
    leases.beat("receiver", "r", now - timedelta(seconds=4), standby=False)
    EventSource.objects.create(broker=prod, vhost="/", received_at=now)
    assert datetime.fromisoformat(watch.show(f"tasks/{prod.pk}/%2F")["at"]) >= now - timedelta(milliseconds=1)


def test_old_data_becomes_stale_by_the_clock_alone(watches: list[Watch]) -> None:
    old = broker(polled_at=timezone.now() + timedelta(seconds=1), poll_seconds=0.05)  # fresh until the first state was made, also on a busy machine
    watches.append(watch := Watch(QUICK))
    key = f"broker-{old.pk}"
    watch.show(f"broker/{old.pk}")
    frame = wait_until(lambda: (found := watch.patch())["rows"].get(key, {}).get("mark") and found)
    assert frame["rows"][key]["mark"] and frame["age_seconds"] > 0.1


@pytest.mark.parametrize("ended", ["logged out", "disabled", "password changed"])
def test_a_session_that_ended_is_noticed(watches: list[Watch], ended: str) -> None:
    user = person()
    watches.append(watch := Watch(QUICK, log_in(user)))
    assert watch.nothing()
    if ended == "logged out":
        Session.objects.all().delete()
    elif ended == "disabled":
        User.objects.update(is_active=False)
    else:
        user.set_password("another long one")
        user.save()
    assert watch.outcomes.get(timeout=60) == SessionEnded(watch.viewer.session_key)


def test_viewing_one_queue_requests_its_details_from_the_poller(watches: list[Watch]) -> None:
    one = broker()
    looked_at, others = queue(one, "mail"), [queue(one, f"q{number}") for number in range(4)]
    watches.append(watch := Watch(QUICK))
    watch.show(f"queues/{one.pk}/%2F", f"queue-{looked_at.pk}")
    watches.append(table := Watch(QUICK))
    table.show(f"queues/{one.pk}/%2F", *(f"queue-{other.pk}" for other in others))
    found = wait_until(lambda: list(DetailRequest.objects.all()))
    assert [(request.kind, request.vhost, request.name, request.until > timezone.now()) for request in found] == [("queue", "/", "mail", True)]


def test_details_of_a_newly_opened_page_are_requested_at_once(watches: list[Watch]) -> None:
    one = broker()
    first, second = queue(one, "mail"), queue(one, "late")
    watches.append(watch := Watch(msgspec.structs.replace(QUICK, detail_request=3600)))
    for number, opened in enumerate((first, second), start=1):
        watch.show(f"queues/{one.pk}/%2F", f"queue-{opened.pk}", viewer=Viewer("nobody"))
        assert len(wait_until(lambda count=number: found if len(found := list(DetailRequest.objects.all())) == count else [])) == number


@pytest.mark.parametrize("list_is_first", [True, False])
def test_a_tasks_own_page_follows_its_relatives_beside_an_open_list(watches: list[Watch], list_is_first: bool) -> None:
    one = broker()
    source = EventSource.objects.create(broker=one, vhost="/", state=EventSource.RECEIVING)
    listed = [f"task-{task(one, f't{number}').pk}" for number in range(8)]
    watches.append(watch := Watch(QUIET))
    topic, own_page = f"tasks/{one.pk}/%2F", Viewer("nobody")
    if list_is_first:
        watch.show(topic, *listed)
    assert "family" in watch.show(topic, listed[0], viewer=own_page)["rows"][listed[0]]["facts"]
    if not list_is_first:
        watch.show(topic, *listed)
    task(one, "child", parent_id="t0")
    EventSource.objects.filter(pk=source.pk).update(revision=1)
    assert watch.patch()["rows"] == {listed[0]: {"parts": ["family"]}}


def test_what_changed_since_the_last_patch_reaches_the_list_though_a_page_opens_meanwhile(watches: list[Watch]) -> None:
    one = broker()
    source = EventSource.objects.create(broker=one, vhost="/", state=EventSource.RECEIVING)
    listed = [f"task-{task(one, f't{number}').pk}" for number in range(8)]
    watches.append(watch := Watch(QUIET))
    topic = f"tasks/{one.pk}/%2F"
    watch.show(topic, *listed)
    Task.objects.filter(uuid="t0").update(state="FAILURE")
    watch.show(topic, listed[0], viewer=Viewer("nobody"))
    EventSource.objects.filter(pk=source.pk).update(revision=1)
    assert watch.patch()["rows"][listed[0]]["mark"]["state"] == "FAILURE"


def task(of: Any, uuid: str, **known: Any) -> Task:
    now = timezone.now()
    return Task.objects.create(broker=of, vhost="/", uuid=uuid, state="STARTED", first_seen_at=now, changed_at=now, **known)


def test_costs_measured_anew_at_each_poll_refetch_only_what_shows_them(watches: list[Watch]) -> None:
    one = broker(depth_source_reason="a poll keeps the broker busy for 2.4 s")
    watches.append(watch := Watch(QUIET))
    watch.show(f"broker/{one.pk}")
    type(one).objects.filter(pk=one.pk).update(depth_source_reason="a poll keeps the broker busy for 2.5 s", revision=2)
    assert watch.patch()["parts"] == ["depth_source"]
