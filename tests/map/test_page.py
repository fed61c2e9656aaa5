"""The map's page and call: its JSON, its tables without scripts, its filters, and what it says when it can't know."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from brokers.characters import visible
from brokers.models import Binding, Broker, Consumer, Exchange, Queue, Transfer, VirtualHost
from brokers.queries import kept
from brokers.queries.topologies import topology
from brokers.stats import SHOVEL, SHOVEL_STATUS
from dashboard.layout.map_links import node_id
from dashboard.layout.moments import at_text
from dashboard.map.loaded import MOST_VHOSTS
from dashboard.models import Finding, FindingRound
from tests.pages.test_query_counts import Shop
from tests.people import person as a_person
from tests.secret_shop import SHOP, leaked
from tests.secret_shop import Shop as SecretShop
from workers.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    kept.forget()
    return Shop(timezone.now())


def map_of(person: Client, query: str = "") -> dict[str, Any]:
    """The JSON on the page, which is that of the call."""
    answer = person.get(f"/map/{query}")
    assert answer.status_code == 200
    found = re.search(r'<div id="map-data" hidden>(.*?)</div>', answer.content.decode())
    assert found
    parsed: dict[str, Any] = json.loads(found[1])
    return parsed


def names(found: dict[str, Any]) -> set[str]:
    return {node["name"] for node in found["nodes"]}


def table(person: Client, query: str = "") -> str:
    return unescape(re.sub(r'<div id="map-data" hidden>.*?</div>|<[^>]+>', " ", person.get(f"/map/{query}").content.decode()))


def test_the_map_shows_what_is_bound_and_consumed_with_its_figures(person: Client, shop: Shop) -> None:
    found = map_of(person)
    by_name = {node["name"]: node for node in found["nodes"]}
    assert by_name.keys() == {"mail", "shop.orders", "a@web-1"}
    assert by_name["mail"]["messages"] == 3 and by_name["mail"]["href"] == f"/queues/{shop.keys['queue']}/"
    assert by_name["a@web-1"]["slots"] == {"used": None, "of": 2} and by_name["a@web-1"]["host"] == "web-1"
    of = {node["id"]: node["name"] for node in found["nodes"]}
    edges = [(of[edge["from"]], edge["kind"], of[edge["to"]], edge["label"]) for edge in found["edges"]]
    assert ("shop.orders", "binding", "mail", "a") in edges
    assert any(kind == "consume" and (source, target) == ("mail", "a@web-1") for source, kind, target, _ in edges)
    assert found["age"] is not None and found["stale"] is False and found["more"] == {"nodes": 0, "text": ""}


def test_the_call_answers_what_the_page_draws(person: Client, shop: Shop) -> None:
    called = person.get("/api/v1/map?focus=queue:mail&hops=1").json()
    page = map_of(person, "?focus=queue:mail&hops=1")
    assert {**called, "age": 0, "form": page["form"]} == {**page, "age": 0}
    assert called["focus"] == node_id("queue", shop.broker.pk, "/", "mail")
    assert person.get("/api/v1/map?hops=99").status_code == 400


def test_ids_and_the_structure_stay_while_only_figures_change(person: Client, shop: Shop) -> None:
    before = map_of(person)
    Queue.objects.update(depth=99, ready=99)
    Broker.objects.update(revision=5)
    after = map_of(person)
    assert after["structure"] == before["structure"] and after["nodes"] != before["nodes"]
    Binding.objects.create(
        broker=shop.broker, vhost="/", source="shop.orders", destination="shop.orders", destination_type="exchange", routing_key="b", first_seen_at=shop.now
    )
    Broker.objects.update(revision=6)
    assert map_of(person)["structure"] != before["structure"]


def test_who_draws_the_map_already_gets_figures_alone_until_anything_else_changes(person: Client, shop: Shop) -> None:
    drawn = map_of(person)
    Queue.objects.update(depth=99, ready=99)
    Broker.objects.update(revision=5)
    answer = person.get("/map/?part=map", headers={"Hareline-Form": drawn["form"]})
    assert answer.headers["Content-Type"] == "application/json"
    found, now = answer.json(), map_of(person)
    assert found["form"] == now["form"] == drawn["form"] and found["rates"] == [edge["rate"] for edge in now["edges"]]
    merged = [{**node, **figures} for node, figures in zip(drawn["nodes"], found["nodes"], strict=True)]
    assert merged == now["nodes"] != drawn["nodes"]
    assert {name: found[name] for name in ("at", "stale")} == {name: now[name] for name in ("at", "stale")}
    bound = {"source": "shop.orders", "destination": "mail", "destination_type": "queue", "routing_key": "b"}
    Binding.objects.create(broker=shop.broker, vhost="/", first_seen_at=shop.now, **bound)
    Broker.objects.update(revision=6)
    whole = person.get("/map/?part=map", headers={"Hareline-Form": drawn["form"]})
    assert 'id="map-data"' in whole.content.decode() and map_of(person)["structure"] == drawn["structure"]


def test_a_focus_shows_neighbours_to_so_many_hops_and_a_text_what_contains_it(person: Client, shop: Shop) -> None:
    shop.add("jobs", "shop.jobs", "b@web-2", "t2", "t1")
    assert names(map_of(person, "?focus=exchange:shop.jobs&hops=1")) == {"shop.jobs", "jobs"}
    assert names(map_of(person, "?focus=exchange:shop.jobs&hops=2")) >= {"shop.jobs", "jobs", "b@web-2", "shop.orders"}
    assert names(map_of(person, "?q=JOBS&hops=0")) == {"shop.jobs", "jobs"}
    assert names(map_of(person, "?kind=worker")) == {"a@web-1", "b@web-2"}
    assert "What you look for is not on the map" in table(person, "?focus=queue:nothing")
    assert "Nothing on the map matches" in table(person, "?q=nothing-like-this")


def test_beyond_150_nodes_the_rest_is_counted_and_listed_without_scripts(person: Client, shop: Shop) -> None:
    facts = {"durable": True, "auto_delete": False, "exclusive": False, "type": "classic"}
    words = [f"{a}{b}" for a in "abcdefghijklmnop" for b in "qrstuvwxyz"]
    Queue.objects.bulk_create([Queue(**shop.seen, name=word, ready=0, unacknowledged=0, depth=0, consumers=0, **facts) for word in words])
    Queue.objects.filter(name="pz").update(depth=5000, ready=5000)
    found = map_of(person)
    assert len(found["nodes"]) == 150 and found["more"]["nodes"] == 14 and found["more"]["text"] == "+14 more queues"
    assert "pz" in names(found) and "mail" in names(found)
    listed = [table(person, f"?page={page}") for page in range(1, 5)]
    assert all(any(f" {word} " in page for page in listed) for word in words)
    assert "Page 1 of 4" in listed[0]


def test_machinery_is_one_node_until_it_is_unfolded(person: Client, shop: Shop) -> None:
    facts = {"durable": False, "auto_delete": True, "exclusive": False, "type": "classic", "depth": 0, "consumers": 1}
    for name in ("a@web-1.celery.pidbox", "b@web-1.celery.pidbox"):
        Queue.objects.create(**shop.seen, name=name, **facts)
    folded = {node["name"]: node for node in map_of(person)["nodes"]}
    assert folded["Celery’s remote control"]["folded"] == 2 and "a@web-1.celery.pidbox" not in folded
    assert "a@web-1.celery.pidbox" in names(map_of(person, folded["Celery’s remote control"]["href"].removeprefix("/map/")))
    assert "a@web-1.celery.pidbox" in names(map_of(person, "?own=show&alike=show"))


def test_names_that_hold_anything_are_shown_as_they_are(person: Client, shop: Shop) -> None:
    hostile = ("<script>alert(1)</script>", "</script><b>x", "مرحبا", "مرحبا\u202eevil", "a\x01b", "ü" * 127, "a:b?c&d#e", '"onload=x')
    for number, name in enumerate(hostile):
        shop.add(name, f"x{name}", f"w@web-{number + 3}", f"t{number + 9}", "t1")
    found = map_of(person, "?list=edges")
    seen = [visible(name) for name in hostile]
    assert {*seen, *(f"x{name}" for name in seen)} <= names(found)
    assert set(hostile) <= names(person.get("/api/v1/map").json())
    assert all(re.fullmatch(r"[a-z]+-[0-9a-f]{16}", node["id"]) for node in found["nodes"])
    page = person.get("/map/?list=edges").content.decode()
    assert "<script>alert" not in page and "<b>x" not in page
    assert all(name in unescape(page) for name in seen)


def test_levels_of_detail_are_virtual_hosts_and_applications(person: Client, shop: Shop) -> None:
    assert {node["kind"] for node in map_of(person, "?zoom=vhost")["nodes"]} == {"vhost", "worker"}
    found = {node["name"]: node["kind"] for node in map_of(person, "?zoom=application")["nodes"]}
    assert found == {"mail": "application", "shop": "application", "a@web-1": "worker"}


def test_an_open_finding_is_a_mark_and_what_it_is_about_stands_alone(person: Client, shop: Shop) -> None:
    FindingRound.objects.create(broker=shop.broker, at=timezone.now(), took_ms=1, rules=1)
    facts = {"level": "critical", "worst_level": "critical", "title": "mail is growing and nobody consumes it", "opened_at": shop.now, "seen_at": shop.now}
    Finding.objects.create(identity="x", rule="no_consumer", broker=shop.broker, vhost="/", kind="queue", name="mail", object_id=shop.keys["queue"], **facts)
    Queue.objects.update(ack_per_second=1.0, deliver_per_second=1.0)
    Broker.objects.update(revision=9)
    mail = next(node for node in map_of(person)["nodes"] if node["name"] == "mail")
    assert mail["level"] == "bad" and [mark["text"] for mark in mail["marks"]] == ["mail is growing and nobody consumes it"]


def test_while_the_broker_is_away_the_map_stays_and_says_how_old_it_is(person: Client, shop: Shop) -> None:
    since = timezone.now() - timedelta(minutes=5)
    Broker.objects.update(state=Broker.UNREACHABLE, reason="connection refused", since=since, polled_at=since, poll_seconds=5)
    found = map_of(person)
    assert found["stale"] is True and 299 < found["age"] < 400
    assert {node["level"] for node in found["nodes"] if node["kind"] != "worker"} == {"unknown"} and names(found) == {"mail", "shop.orders", "a@web-1"}
    assert "Objects and figures of prod are as of" in table(person)
    assert "Objects and figures of prod are as of" in table(person, "?part=map-table")  # which an open page fetches then


def test_while_the_broker_is_away_groups_are_unknown_too(person: Client, shop: Shop) -> None:
    assert next(node for node in map_of(person, "?zoom=vhost")["nodes"] if node["kind"] == "vhost")["level"] == "ok"
    Broker.objects.update(state=Broker.UNREACHABLE, reason="connection refused", since=timezone.now())
    assert next(node for node in map_of(person, "?zoom=vhost")["nodes"] if node["kind"] == "vhost")["level"] == "unknown"


def test_an_empty_map_says_what_is_missing(person: Client) -> None:
    now = timezone.now()
    Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, topology_at=now)
    assert "No exchange and no queue is known here" in table(person)


def test_without_a_broker_there_is_the_setting_that_names_one_and_no_drawing(person: Client) -> None:
    text = person.get("/map/").content.decode()
    assert "HARELINE_BROKERS" in text and "map.js" not in text and "Arrange again" not in text


def test_queues_and_exchanges_name_their_pattern(person: Client, shop: Shop) -> None:
    found = {node["name"]: node for node in map_of(person)["nodes"]}
    assert (found["mail"]["pattern"], found["shop.orders"]["pattern"]) == ("1:1, one consumer, point-to-point", "point-to-point")
    shop.add("jobs", "audit", "b@web-2", "t2", "t1")
    for host, by in (("a@web-1", "t1"), ("b@web-2", "t2")):
        of = {"connection_name": f"c {by}", "channel_name": f"c {by} (1)"}
        Consumer.objects.create(broker=shop.broker, vhost="/", queue=f"{host}.celery.pidbox", tag="control", **of)
    Broker.objects.update(revision=2)
    found = {node["name"]: node for node in map_of(person)["nodes"]}
    assert found["mail"]["pattern"] == "M:M, round-robin among 2 nodes, publish-subscribe", "too few tasks to say whether fairly"
    for number in range(40):
        Task.objects.create(
            **shop.seen, uuid=f"{number}", name="n", state="SUCCESS", worker=f"{'ab'[number % 2]}@web-{number % 2 + 1}", queue="mail", received_at=shop.now
        )
    Broker.objects.update(revision=3)
    assert {node["name"]: node for node in map_of(person)["nodes"]}["mail"]["pattern"] == "M:M, round-robin among 2 nodes, fair, publish-subscribe"
    assert "M:M, round-robin among 2 nodes, fair, publish-subscribe" in table(person)


def test_publishers_are_nodes_with_what_they_publish(person: Client, shop: Shop) -> None:
    sample = [
        {"connection": "p", "host": "10.0.0.7", "user": "shop", "per_second": 2.5},
        {"connection": "p", "host": "10.0.0.7", "user": "shop", "per_second": 1.0},
    ]
    Exchange.objects.filter(name="shop.orders").update(publishers=sample, publishers_at=timezone.now())
    found = map_of(person)
    publisher = next(node for node in found["nodes"] if node["kind"] == "publisher")
    edge = next(edge for edge in found["edges"] if edge["kind"] == "publish")
    assert (publisher["name"], publisher["lines"], edge["rate"]) == ("10.0.0.7", ["10.0.0.7", "user shop"], 3.5)


def test_what_is_elsewhere_is_of_unknown_level_and_two_shovels_to_it_are_one_edge(person: Client, shop: Shop) -> None:
    ends = {"src": {"address": "amqp://up.example", "queue": "work"}, "dest": {"address": "amqp://", "queue": "mail"}}
    for name in ("one", "two"):
        Transfer.objects.create(broker=shop.broker, vhost="/", kind=SHOVEL, name=name, facts=ends)
    Transfer.objects.create(broker=shop.broker, vhost="/", kind=SHOVEL_STATUS, name="one", facts={"state": "running"})
    found = map_of(person)
    elsewhere = next(node for node in found["nodes"] if node["lines"] == ["elsewhere"])
    edge = next(edge for edge in found["edges"] if edge["kind"] == "shovel")
    assert (elsewhere["kind"], elsewhere["level"], edge["from"]) == ("publisher", "unknown", elsewhere["id"])
    assert edge["label"] == "shovel one, running; shovel two, state unknown" and edge["level"] == "unknown"


def test_virtual_hosts_of_one_name_have_their_broker_behind_it(person: Client, shop: Shop) -> None:
    assert names(map_of(person, "?zoom=vhost")) == {"/", "a@web-1"}
    other = Broker.objects.create(name="test", state=Broker.UP, reason="", since=shop.now, polled_at=shop.now, poll_seconds=600, version="3.10.8", revision=1)
    VirtualHost.objects.create(broker=other, name="/", first_seen_at=shop.now)
    usual: dict[str, Any] = {"broker": other, "vhost": "/", "first_seen_at": shop.now, "changed_at": shop.now, "durable": True, "auto_delete": False}
    Queue.objects.create(**usual, name="mail", exclusive=False, type="classic", ready=0, unacknowledged=0, depth=0, consumers=0)
    assert names(map_of(person, "?zoom=vhost")) == {"/ on prod", "/ on test", "a@web-1"}


def test_who_may_see_some_queues_sees_nothing_of_the_rest(client: Client) -> None:
    kept.forget()
    moment = quote(at_text(SecretShop().now), safe="")
    client.force_login(a_person("eve", "viewer", vhost=SHOP, queue="orders.*"))
    addresses = ["/map/", "/map/?list=edges", "/map/?own=show&alike=show", "/map/?zoom=vhost", "/map/?focus=queue:orders.eu", "/api/v1/map", "/map/export/dot/"]
    addresses += [f"/map/?at={moment}", f"/api/v1/map?at={moment}", f"/map/?at={moment}&since=show&own=show"]
    assert [found for address in addresses if (found := leaked(client, address))] == []
    assert {"orders.in", "orders.fan", "orders.eu", "orders.us", "orders@shop"} <= names(map_of(client))


def test_the_path_of_a_message_is_on_the_map_with_what_is_beside_it(person: Client, shop: Shop) -> None:
    shop.add("jobs", "shop.jobs", "b@web-2", "t2", "t1")
    page = person.get("/routing/?broker=prod&vhost=/&exchange=shop.jobs&routing_key=a").content.decode()
    link = re.search(r'href="(/map/[^"]*path=[^"]*)"', page)
    assert link
    found = map_of(person, unescape(link[1]).removeprefix("/map/"))
    assert {"shop.jobs", "jobs", "b@web-2"} <= names(found)


def test_publishers_are_read_of_the_few_exchanges_that_are_looked_at(person: Client, shop: Shop) -> None:
    for number in range(5):
        shop.add(f"q{number}", f"shop.{number}", f"w{number}@web", f"u{number}", "t1")
    Exchange.objects.filter(name="shop.3").update(publish_in_per_second=5.0)
    keys = re.findall(r'data-live="(exchange-\d+)"', person.get("/map/?part=map&alike=show").content.decode())
    assert len(keys) == 3 and keys[0] == f"exchange-{Exchange.objects.get(name='shop.3').pk}"
    focused = re.findall(r'data-live="(exchange-\d+)"', person.get("/map/?part=map&alike=show&focus=exchange:shop.4").content.decode())
    assert focused[0] == f"exchange-{Exchange.objects.get(name='shop.4').pk}"


def test_a_map_of_as_many_virtual_hosts_as_it_shows_reads_the_topology_of_each_once(shop: Shop) -> None:
    vhosts = [f"v{number}" for number in range(MOST_VHOSTS)]
    facts = {"durable": True, "auto_delete": False, "exclusive": False, "type": "classic"}
    Queue.objects.bulk_create([Queue(**{**shop.seen, "vhost": vhost}, name="mail", **facts) for vhost in vhosts])
    first, again = ([topology(shop.broker.pk, vhost) for vhost in vhosts] for _ in range(2))
    assert all(one is other for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(("routed", "rate"), [(4.0, 4.0), (3.5, 4.0), (1.0, None), (0.0, 0.0), (None, None)])
def test_the_rate_of_a_binding_is_shown_where_it_is_known(person: Client, shop: Shop, routed: float | None, rate: float | None) -> None:
    Queue.objects.update(publish_per_second=4.0)
    Exchange.objects.filter(name="shop.orders").update(publish_out_per_second=routed)
    edge = next(edge for edge in person.get("/api/v1/map").json()["edges"] if edge["kind"] == "binding")
    assert edge["rate"] == rate


def test_what_an_exchange_gets_from_another_one_is_not_counted_there_so_its_bindings_are_not_said_to_pass_nothing(person: Client, shop: Shop) -> None:
    Exchange.objects.filter(name="shop.orders").update(publish_out_per_second=0.0)
    of = {"broker": shop.broker, "vhost": "/", "routing_key": "#", "first_seen_at": shop.now}
    Binding.objects.create(**of, source="shop.orders", destination="shop.orders", destination_type="exchange")
    edge = next(edge for edge in person.get("/api/v1/map").json()["edges"] if edge["kind"] == "binding")
    assert edge["rate"] is None


def test_where_nothing_is_found_there_is_no_drawing_to_look_at(person: Client, shop: Shop) -> None:
    empty, some = (person.get(f"/map/?part=map&q={words}").content.decode() for words in ("nothing-of-that-name", "mail"))
    assert 'id="map-data" hidden data-empty>' in empty and 'id="map-data" hidden>' in some
