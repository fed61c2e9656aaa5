"""The list of changes, a change with its route before and after, its downloads and call, and the form of marks."""

from __future__ import annotations

import csv
import doctest
import json
import re
from datetime import datetime, timedelta
from html import unescape
from io import StringIO
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client

from brokers import change_details, diff, store
from brokers.models import Broker, Change
from brokers.store import consumer_changes, starts
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition
from dashboard.changes import explained as explained_module
from dashboard.changes import marks, row
from dashboard.changes.explained import example, explained
from dashboard.models import AuditEvent, Mark, RuleSetting
from dashboard.store import rule_settings
from tests.brokers.facts import a_topology
from tests.people import person as a_person
from workers.receiving import definition_events
from workers.store import worker_changes

pytestmark = pytest.mark.django_db
AT = "/history/changes/"


@pytest.fixture
def broker(now: datetime) -> Broker:
    """On which a binding was removed a minute ago."""
    found = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, version="3.10.8")
    route, other = ("orders", "order.*.eu", "mail"), ("orders", "#", "audit")
    for ago, bindings in ((10, (route, other)), (1, (other,))):
        topology = a_topology(*bindings, queues=a_topology(route, other).queues)
        store.save_topology(found.pk, {"/": topology}, None, None, None, now - timedelta(minutes=ago))
    return found


def shown(person: Client, address: str = AT, **query: str) -> str:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(html: str) -> list[str]:
    return re.findall(r'<li id="((?:change|mark)-\d+)"', html)


def change(broker: Broker, at: datetime, **fields: Any) -> Change:
    return Change.objects.create(**{"broker": broker, "vhost": "/", "at": at, "kind": "queue", "what": "added", "name": "x", "text": "Queue x added", **fields})


def test_a_removed_binding_is_listed_and_its_page_explains_the_route_before_and_after(person: Client, broker: Broker) -> None:
    html = shown(person)
    assert "Binding removed: orders → mail (key order.*.eu)" in html and "routing_key: order.*.eu" in html
    (key,) = listed(html)
    page = shown(person, f"{AT}{key.removeprefix('change-')}/")
    assert "A message to orders, with the key order.any.eu" in page
    assert "The route changed: the message no longer reaches mail." in page
    before, after = (re.sub(r"<[^>]+>", "", page.split(f'id="route-{side}"')[1].split("</p>")[0]) for side in ("before", "after"))
    assert "mail" in before and "audit" in before
    assert "audit" in after and "mail" not in after
    assert "/routing/?broker=prod&amp;vhost=%2F&amp;exchange=orders&amp;routing_key=order.any.eu&amp;at=" in page
    assert 'href="/?broker=prod&amp;at=' in page


def test_a_folded_line_names_its_broker_and_virtual_host_where_there_are_several(person: Client, broker: Broker, now: datetime) -> None:
    Broker.objects.create(name="staging", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=5, version="3.10.8")
    for name in "abc":
        change(broker, now, kind="consumer", name=name, text=f"Consumer of {name}", vhost="shop")
    html = shown(person)
    summary = re.sub(r"<[^>]+>", "", html.split('class="change-fold"><summary', 1)[1].split("</summary>")[0])
    assert "3 queues have consumers, before none · prod · in shop" in " ".join(summary.split())


def test_changes_are_filtered_by_the_address_and_paged(person: Client, broker: Broker, now: datetime) -> None:
    Change.objects.all().delete()
    made = {
        "old": change(broker, now - timedelta(hours=2), who="ann"),
        "node": change(broker, now, kind="node", what="restarted", vhost="", name="rabbit@a", text="Node rabbit@a restarted"),
        "bound": change(broker, now, kind="binding", what="gone", vhost="/shop", name="orders → mail", text="Binding removed"),
    }
    for text, expected in (
        ("since:-10min", ["bound", "node"]), ("before:-1h", ["old"]), ("kind:node,binding", ["bound", "node"]), ("what:removed", ["bound"]),
        ("who:ann", ["old"]), ("name:MAIL", ["bound"]), ("restarted", ["node"]), ("vhost:/shop", ["bound"]), ("kind:nothing", []), ("kind:mark", []),
    ):  # fmt: skip
        assert listed(shown(person, q=text)) == [f"change-{made[key].pk}" for key in expected], text
    assert listed(shown(person, vhost="/")) == [f"change-{made[key].pk}" for key in ("node", "old")], "with what concerns the whole broker"
    for number in range(60):
        change(broker, now - timedelta(days=1, minutes=number))
    assert (len(listed(shown(person))), len(listed(shown(person, page="2"))), len(listed(shown(person, page="99")))) == (50, 13, 13)


def test_marks_are_among_the_changes_of_their_time_on_one_page_each(person: Client, broker: Broker, now: datetime) -> None:
    for number in range(60):
        change(broker, now - timedelta(hours=1, minutes=number))
    made = [Mark.objects.create(at=now - timedelta(minutes=age), title=f"m{age}", made_by="ada", made_at=now) for age in (0, 110, 500)]
    first, second = listed(shown(person)), listed(shown(person, page="2"))
    assert [key for key in first if key.startswith("mark")] == [f"mark-{made[0].pk}"]
    assert [key for key in second if key.startswith("mark")] == [f"mark-{made[1].pk}", f"mark-{made[2].pk}"]
    assert listed(shown(person, q="kind:mark m110")) == [f"mark-{made[1].pk}"]


def test_a_mark_is_made_and_removed_by_the_person_who_made_it(person: Client, client: Client, broker: Broker) -> None:
    refused = person.post(f"{AT}marks/", {"title": "", "url": "ftp://x", "at": "soon"})
    assert refused.status_code == 422
    html = refused.content.decode()
    assert "A title is needed" in html and "http:// or https://" in html and "A time is needed" in html
    assert person.post(f"{AT}marks/", {"title": "<b>1.4</b>", "url": "https://ci.example.org/1", "at": "-5min", "broker": "prod"}).status_code == 302
    mark = Mark.objects.get()
    html = shown(person)
    assert "&lt;b&gt;1.4&lt;/b&gt;" in html and 'href="https://ci.example.org/1"' in html and (mark.broker, mark.made_by) == (broker, "ada")
    other = Client()
    other.force_login(a_person("bo", "operator"))
    assert f"marks/{mark.pk}/remove/" not in shown(other)
    assert other.post(f"{AT}marks/{mark.pk}/remove/").status_code == 403
    assert person.post(f"{AT}marks/{mark.pk}/remove/").status_code == 302
    assert not Mark.objects.exists()
    assert list(AuditEvent.objects.filter(action__endswith="mark").exclude(outcome="begun").order_by("number").values_list("action", "outcome")) == [
        ("add mark", "done"),
        ("remove mark", "refused"),
        ("remove mark", "done"),
    ]


def test_who_may_view_some_queues_sees_changes_of_these_without_definitions_and_users(broker: Broker, now: datetime) -> None:
    secret = {"arguments": {"x-dead-letter-exchange": "SECRET"}}
    for name in ("orders.eu", "SECRET"):
        change(broker, now, name=name, text=f"Queue {name} added", after=secret, who="SECRETuser")
        change(broker, now, kind="consumer", name=name, text=f"Queue {name} has no consumer, before 1", before={"consumers": 1})
    change(broker, now, kind="worker", name="SECRET@web", text="Worker SECRET@web is online")
    change(broker, now, name="", text="30 queues added in /", after={"names": ["SECRET"], "count": 30})
    client = Client()
    client.force_login(a_person("eve", vhost="/", queue="orders.*"))
    html = shown(client)
    assert len(listed(html)) == 2 and "SECRET" not in html
    for key in listed(html):
        page = shown(client, f"{AT}{key.removeprefix('change-')}/")
        assert "SECRET" not in page and "only a part of this virtual host" in page
    assert "SECRET" not in json.dumps(client.get("/api/v1/changes").json())
    assert not listed(shown(client, q="who:SECRETuser")) and client.get("/api/v1/changes", {"who": "SECRETuser"}).json()["total"] == 0
    hidden = Change.objects.get(kind="worker")
    assert client.get(f"{AT}{hidden.pk}/").status_code == 404
    assert "SECRET" not in exported(client, "csv")


def exported(client: Client, kind: str, **query: str) -> str:
    answer: Any = client.get(f"{AT}export/{kind}/", query)
    assert answer.status_code == 200

    async def read() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(read)().decode()  # its queries run in this thread, in the test's transaction


def test_a_download_repeats_and_leaves_out_nothing_although_changes_are_recorded_meanwhile(person: Client, broker: Broker, now: datetime) -> None:
    moments = [now - timedelta(seconds=number // 3) for number in range(600)]
    named = [f"q{number}" for number in range(600)]
    Change.objects.bulk_create(
        Change(broker=broker, vhost="/", at=at, kind="queue", what="added", name=name, text="added") for at, name in zip(moments, named, strict=True)
    )
    answer: Any = person.get(f"{AT}export/json/", {"q": "kind:queue"})

    async def read() -> list[str]:
        found = []
        async for part in answer.streaming_content:
            await sync_to_async(change)(broker, now, name="later")
            found += [json.loads(line)["name"] for line in part.decode().splitlines()]
        return found

    assert [name for name in async_to_sync(read)() if name != "later"] == sorted(named, key=lambda name: (int(name[1:]) // 3, -int(name[1:])))


def test_consumers_of_many_queues_that_change_at_once_are_one_line(person: Client, broker: Broker, now: datetime) -> None:
    for number in range(5):
        change(broker, now, kind="consumer", name=f"q{number}", text=f"Queue q{number} has 1 consumer, before none")
    change(broker, now - timedelta(seconds=5), kind="consumer", name="mail", text="Queue mail has 1 consumer, before none")
    html = shown(person)
    assert html.count("5 queues have consumers, before none") == 1 and len(listed(html)) == 7
    assert html.count("Queue mail has 1 consumer, before none</a>") == 1
    overview = shown(person, "/")
    assert "5 queues have consumers, before none" in overview and "Queue q1 has" not in overview and "Binding removed" in overview
    address = unescape(re.findall(r'href="([^"]*)">5 queues have', overview)[0])
    for number in range(3):
        change(broker, now, vhost="/other", kind="consumer", name=f"r{number}", text=f"Queue r{number} has 1 consumer, before none")
    assert len(listed(shown(person, address))) == 5


def test_a_mark_of_a_broker_that_is_not_there_is_no_mark_of_all(person: Client, broker: Broker) -> None:
    answer = person.post(f"{AT}marks/", {"title": "1.4", "broker": "gone"})
    assert answer.status_code == 422 and "There is no broker gone." in answer.content.decode() and not Mark.objects.exists()


@pytest.mark.parametrize("url", ["https://token@ci.example.org/", "https://ann:secret@ci.example.org/"])
def test_no_login_is_kept_in_the_link_of_a_mark(url: str) -> None:
    assert "login" in marks.url_problem(url)


def test_downloads_and_the_call_have_what_the_list_has(person: Client, broker: Broker, now: datetime) -> None:
    made = change(broker, now, earlier_at=now - timedelta(seconds=5), name="=x", text="=1+1", after={"type": "classic"}, who="ann")
    rows = list(csv.DictReader(StringIO(exported(person, "csv", q="kind:queue"))))
    assert [(row["text"], row["after"], row["who"]) for row in rows] == [("'=1+1", '{"type": "classic"}', "ann")]
    lines = [json.loads(line) for line in exported(person, "json").splitlines()]
    assert [line["kind"] for line in lines] == ["queue", "binding"] and lines[0]["after"] == {"type": "classic"}
    answer = person.get("/api/v1/changes", {"kind": "queue", "broker": "prod", "from": "-1min"}).json()
    (item,) = answer["items"]
    assert (answer["total"], item["id"], item["who"], item["before"], item["after"]) == (1, made.pk, "ann", None, {"type": "classic"})
    assert item["between"][0] < item["between"][1] == item["at"]
    assert person.get("/api/v1/changes", {"kind": "nothing"}).json()["error"]["field"] == "kind"
    assert person.get("/api/v1/changes", {"from": "-1min", "to": "-2min"}).json()["error"]["field"] == "from"


def test_a_download_ends_with_the_marks_that_the_filter_finds(person: Client, broker: Broker, now: datetime) -> None:
    Mark.objects.create(at=now, title="=1.4", url="https://ci.example.org/1", made_by="ada", made_at=now)
    Mark.objects.create(at=now - timedelta(minutes=3), title="1.3", made_by="bo", made_at=now, broker=broker)
    rows = list(csv.DictReader(StringIO(exported(person, "csv"))))
    assert [(row["kind"], row["text"], row["broker"], row["who"]) for row in rows[1:]] == [("mark", "'=1.4", "", "ada"), ("mark", "1.3", "prod", "bo")]
    assert [json.loads(line)["after"] for line in exported(person, "json", q="kind:mark who:ada").splitlines()] == [{"url": "https://ci.example.org/1"}]
    assert len(exported(person, "json", q="kind:binding").splitlines()) == 1


def test_the_same_message_is_explained_before_and_after_with_its_headers(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=600, version="3.10.8")
    exchanges, pdf = (ExchangeDefinition("files", "headers"),), BindingDefinition("files", "mail", "queue", "", {"x-match": "all", "kind": "pdf", "paid": True})
    for ago, bindings in ((10, (pdf,)), (1, ())):
        topology = a_topology(exchanges=exchanges, queues=(QueueDefinition("mail", "classic"),), bindings=bindings)
        store.save_topology(broker.pk, {"/": topology}, None, None, None, now - timedelta(minutes=ago))
    html = unescape(shown(person, f"{AT}{Change.objects.get(kind='binding').pk}/"))
    assert 'headers {"kind": "pdf", "paid": true}' in html and "no longer reaches mail" in html
    address = re.findall(r'href="(/routing/[^"]*)">Explain it before', html)[0]
    assert json.loads(parse_qs(urlsplit(address).query)["headers"][0]) == {"kind": "pdf", "paid": True}


def test_the_last_ten_minutes_are_linked_from_every_page(person: Client, broker: Broker) -> None:
    assert f"{AT}?q=since:-10min" in shown(person, "/glossary/")


def test_a_threshold_that_somebody_sets_is_a_change_of_the_brokers_that_it_is_about(person: Client, broker: Broker) -> None:
    Broker.objects.create(name="staging")
    person.post("/findings/rules/no_consumer/", {"threshold": "off", "broker": "pro*", "vhost": "/shop"})
    person.post(f"/findings/rules/{RuleSetting.objects.get().pk}/remove/")
    found = Change.objects.filter(kind="hareline").order_by("pk")
    assert [(one.broker.name, one.who, one.text.partition("for ")[2]) for one in found] == [
        ("prod", "ada", "broker pro*, virtual host /shop, set"),
        ("prod", "ada", "broker pro*, virtual host /shop, removed"),
    ]


@pytest.mark.parametrize(
    "module", [change_details, diff, consumer_changes, starts, rule_settings, definition_events, worker_changes, explained_module, row, marks]
)
def test_the_examples_hold(module: ModuleType) -> None:
    tested = doctest.testmod(module)
    assert tested.attempted and not tested.failed


def test_the_example_fits_what_changed() -> None:
    topology = a_topology(("orders", "order.#", "mail"))
    headers = {"source": "files", "routing_key": "", "arguments": {"x-match": "all", "kind": "pdf"}}
    assert example("binding", "", headers, None, topology, topology) == {"exchange": "files", "routing_key": ""}
    assert example("exchange", "orders", None, {}, None, topology) == {"exchange": "orders", "routing_key": "order.any"}
    policy = {"pattern": "^ma", "apply_to": "queues", "definition": {"max-length": 1}}
    assert example("policy", "limits", None, policy, topology, topology) == {"exchange": "", "routing_key": "mail"}
    assert example("node", "rabbit@a", None, None, topology, topology) is None
    found = explained("queue", "mail", None, {}, None, topology, "3.10.8")
    assert (found.before, found.is_known, found.verdict[:17]) == (None, False, "What was recorded")
