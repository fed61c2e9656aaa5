"""Names of Celery's exchanges: read from HARELINE_CELERY_<NAME>, found by what the broker shows, and hinted where there is no proof."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Binding, Broker, Exchange
from workers import store
from workers.celery_names import DEFAULT, CeleryNames, Found, InvalidNames, Seen, find, hint, parse
from workers.grants import inspection_grant
from workers.models import EventSource, Worker
from workers.receiving.broker_watch import Allowed, BrokerWatch
from workers.receiving.place_finder import PlaceFinder

NODE = "0d0c0b0e-0000-4000-8000-000000000001"
ADDRESS = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TEAM = CeleryNames(("team.event",), ("team.control",), ("team.event.q",))


def test_names_are_read_by_virtual_host() -> None:
    found = parse(
        "/shop?event_exchange=team.event&control_exchange=team.control.pidbox&event_exchange=other|*?event_queue_prefix=faces|%2Fa%3Fb?content_type=a%2Fb"
    )
    assert found == {
        "/shop": CeleryNames(("team.event", "other"), ("team.control",)),
        "*": CeleryNames(event_queue_prefixes=("faces",)),
        "/a?b": CeleryNames(content_type="a/b"),
    }
    assert (parse(""), parse("?event_exchange=e")["/"].event_exchanges) == ({}, ("e",))


@pytest.mark.parametrize("text", ["/shop", "/shop?", "/shop?event_exchang=e", "/shop?event_exchange=", f"/?event_exchange={'ü' * 200}"])
def test_what_can_not_be_used_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidNames) as error:
        parse(text)
    assert len(str(error.value)) > 20


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        (Seen(topics={"celeryev", "amq.topic"}), DEFAULT),
        (Seen(topics={"celeryev"}, pidboxes={"celery.pidbox", "reply.celery.pidbox"}), DEFAULT),
        (Seen(topics={"amq.topic"}, pidboxes={"team.control.pidbox"}), CeleryNames(control_exchanges=("team.control",))),
        (Seen(topics={"team.event"}, gossip={("team.event", f"team.event.q.{NODE}")}), CeleryNames(("team.event",), ("celery",), ("celeryev", "team.event.q"))),
        (Seen(topics={"team.event"}, pidboxes={"c.pidbox"}, reported=[{"event_exchange": "team.event"}]), CeleryNames(("team.event",), ("c",))),
        (Seen(topics={"a", "celeryev"}, gossip={("a", f"celeryev.{NODE}")}), CeleryNames(("a", "celeryev"))),
        (Seen(topics={"shop"}, gossip={("shop", "workers")}), None),  # somebody's own queue
        (Seen(topics={"amq.topic"}, reported=[{"event_exchange": "gone"}]), None),
        (Seen(), None),
    ],
)
def test_names_are_found_by_gossip_control_exchanges_and_reports(seen: Seen, names: CeleryNames | None) -> None:
    assert find(seen).names == names


def test_names_found_once_hold_as_long_as_their_exchange_is_there() -> None:
    before = CeleryNames(("team.event",), ("celery",), ("team.event.q",))
    assert find(Seen(topics={"team.event"}), None, before).names == CeleryNames(("team.event",), ("celery",), ("celeryev", "team.event.q"))
    assert find(Seen(topics={"amq.topic"}), None, before).names is None


def test_what_only_looks_like_celery_is_named_and_not_watched() -> None:
    seen = Seen(topics={"team.event", "shop.events", "prevent", "celeryev2"}, bound={"shop.events"})
    found = find(seen)
    assert found == Found(None, ("celeryev2", "team.event"))
    assert hint(("team.event",), "HARELINE_CELERY_PROD", "/shop") == (
        "exchange team.event looks like Celery events; not watched. To watch, set HARELINE_CELERY_PROD=/shop?event_exchange=team.event"
    )
    assert find(seen, TEAM).unwatched == ("celeryev2",)


def test_control_and_event_queues_are_known_by_these_names() -> None:
    assert TEAM.hostname_of("celery@a.b.team.control.pidbox") == "celery@a.b"
    assert TEAM.hostname_of("celery@a.celery.pidbox") == "celery@a"
    assert [DEFAULT.hostname_of(name) for name in ("celery@a.team.control.pidbox", ".celery.pidbox", "mail")] == [None, None, None]
    assert TEAM.is_event_queue(f"team.event.q.{NODE}") and not DEFAULT.is_event_queue("team.event.q")
    assert r"team\.control\.pidbox$" in inspection_grant("u", "/", TEAM) and r"team\.event$" in inspection_grant("u", "/", TEAM)


@pytest.fixture
def broker() -> Broker:
    return broker_store.ensure_brokers([ADDRESS], NOON)["prod"]


def exchange(broker: Broker, vhost: str, name: str, kind: str = "topic") -> None:
    facts = {"durable": True, "auto_delete": False, "internal": False, "first_seen_at": NOON, "changed_at": NOON}
    Exchange.objects.create(broker=broker, vhost=vhost, name=name, type=kind, **facts)


@pytest.mark.django_db
def test_a_broker_is_searched_in_what_polls_stored(broker: Broker) -> None:
    for vhost, name, kind in (
        ("a", "celeryev", "topic"),
        ("b", "team.event", "topic"),
        ("b", "t.pidbox", "fanout"),
        ("c", "x.event", "topic"),
        ("d", "e", "topic"),
    ):
        exchange(broker, vhost, name, kind)
    Binding.objects.create(broker=broker, vhost="d", source="e", destination=f"q.{NODE}", destination_type="queue", routing_key="worker.#", first_seen_at=NOON)
    Binding.objects.create(
        broker=broker, vhost="c", source="x.event", destination="hareline.1.events", destination_type="queue", routing_key="#", first_seen_at=NOON
    )
    facts = {"first_seen_at": NOON, "changed_at": NOON, "configuration": {"event_exchange": "team.event"}}
    Worker.objects.create(broker=broker, vhost="b", hostname="w@h", state=Worker.ONLINE, **facts)
    found = PlaceFinder(broker.pk, "prod", {}).found()
    assert found == {
        "a": Found(DEFAULT),
        "b": Found(CeleryNames(("team.event",), ("t",))),
        "c": Found(None, ("x.event",)),
        "d": Found(CeleryNames(("e",), ("celery",), ("celeryev", "q"))),
    }
    assert PlaceFinder(broker.pk, "prod", {"c": CeleryNames(("x.event",)), "a": CeleryNames(("none",))}).found()["c"] == Found(CeleryNames(("x.event",)))


@pytest.mark.django_db
def test_sources_hold_the_names_and_what_is_not_watched(broker: Broker) -> None:
    exchange(broker, "a", "celeryev")
    exchange(broker, "c", "x.event")
    watch = BrokerWatch(ADDRESS, broker.pk, "test", Allowed(receives_events=False, inspects=False), "h")
    assert [(place.vhost, place.names) for place in watch._places(NOON)] == [("a", DEFAULT)]
    source = EventSource.objects.get(vhost="c")
    assert (source.state, source.reason) == (EventSource.UNKNOWN, source.hint)
    assert "exchange x.event looks like Celery events; not watched" in source.hint and "HARELINE_CELERY_PROD" in source.hint
    store.note_names(broker.pk, "a", TEAM, "", NOON)
    assert EventSource.objects.get(vhost="a").names["control_exchanges"] == ["team.control"]
