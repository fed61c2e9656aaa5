"""The page and the calls of a comparison, and the definitions of a recorded moment."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from brokers import store
from brokers.comparison import compared, of_export
from brokers.models import Broker
from brokers.store import BrokerMemory
from brokers.topology import PolicyDefinition, QueueDefinition, Topology
from tests.brokers.facts import a_poll, a_queue, a_topology
from tests.people import person as a_person

pytestmark = pytest.mark.django_db
CAP = PolicyDefinition("cap", "^mail", "queues", 1, {"max-length": 5})
LATER_CAP = PolicyDefinition("cap", "^mail", "queues", 1, {"max-length": 9})


class Shop:
    """A broker of which an earlier and a later poll are recorded, ten minutes and a second ago."""

    def __init__(self, now: datetime) -> None:
        self.earlier, self.later = now - timedelta(minutes=10), now - timedelta(seconds=1)
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, since=self.earlier, polled_at=now, poll_seconds=5, revision=1, version="3.10.8")
        self.memory = BrokerMemory()
        self.poll(self.earlier, a_topology(("orders", "new", "mail"), policies=(CAP,)), a_queue("mail", ready=10, unacknowledged=0))

    def poll(self, at: datetime, topology: Topology, *queues: Any) -> None:
        self.memory.poll_seconds = 600
        store.save_poll(self.broker.pk, a_poll(at, *queues), at, self.memory)
        store.save_topology(self.broker.pk, {"/": topology}, None, None, None, at, self.memory)

    def change(self) -> None:
        after = a_topology(("orders", "paid", "mail"), ("orders", "new", "audit"), policies=(LATER_CAP,))
        self.poll(self.later, after, a_queue("mail", ready=40, unacknowledged=2), a_queue("audit", ready=0, unacknowledged=0))

    @property
    def sides(self) -> dict[str, str]:
        return {"broker": "prod", "vhost": "/", "at": f"{self.earlier:%Y-%m-%dT%H:%M:%S}.999999Z"}


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


def call(client: Client, path: str, **given: Any) -> Any:
    response = client.get(f"/api/v1/{path}", given)
    assert response.status_code == 200, response.content
    return response.json()


def test_two_moments_differ_by_what_changed_between(person: Client, shop: Shop) -> None:
    shop.change()
    found = call(person, "compare", **shop.sides)
    assert [(item["kind"], item["name"]) for item in found["added"]] == [
        ("queue", "audit"), ("binding", "orders → audit (key new)"), ("binding", "orders → mail (key paid)"),
    ]  # fmt: skip
    assert [item["name"] for item in found["missing"]] == ["orders → mail (key new)"]
    assert [(item["name"], item["before"]["definition"], item["after"]["definition"], item["keys"]) for item in found["different"]] == [
        ("cap", {"max-length": 5}, {"max-length": 9}, ["definition.max-length"])
    ]
    assert found["counts"] == {"added": 3, "missing": 1, "different": 1, "figures": 2}
    assert [(row["name"], row["difference"]["depth"]) for row in found["figures"]] == [("mail", 32), ("audit", None)]
    page = person.get("/history/compare/", shop.sides).content.decode()
    assert all(text in page for text in ("orders → mail (key paid)", "definition.max-length", "<code>5</code>", "<code>9</code>", "10", "42", "+32"))
    assert 'data-what="different"' in page and "No depths and rates" not in page


def test_filters_and_pages_are_in_the_address(person: Client, shop: Shop) -> None:
    shop.change()
    policies = person.get("/history/compare/", {**shop.sides, "kind": "policy", "what": "different"}).content.decode()
    assert "definition.max-length" in policies and "key paid" not in policies
    assert "matches this filter" in person.get("/history/compare/", {**shop.sides, "what": "missing", "q": "nothing"}).content.decode()
    assert call(person, "compare", **shop.sides, page=2)["added"] == []
    assert len(call(person, "compare", **shop.sides, page_size=1)["added"]) == 1


def test_many_differences_stand_on_several_pages(person: Client, shop: Shop) -> None:
    names = [f"queue-{number:03d}" for number in range(120)]
    many = Topology("/", queues=tuple(QueueDefinition(name, "classic") for name in names))
    shop.poll(shop.later, many, *(a_queue(name, ready=1, unacknowledged=0) for name in names))
    pages = [person.get("/history/compare/", {**shop.sides, "what": "added", "page": number}).content.decode() for number in (1, 3, 9)]
    assert ["queue-000" in page.partition("figures-title")[0] for page in pages] == [True, False, False]
    assert "queue-119" in pages[1] and "Page 3 of 3" in pages[2]
    assert [page.count('class="difference"') for page in pages] == [50, 20, 20]
    assert "120 queues" not in pages[0] and "121 queues" in pages[0]


def test_the_download_has_everything(person: Client, shop: Shop) -> None:
    shop.change()
    response = person.get("/history/compare/download/", shop.sides)
    assert response.headers["Content-Disposition"] == 'attachment; filename="hareline-comparison.json"'
    found = json.loads(response.content)
    assert (found["counts"], len(found["added"]), found["before"]["vhost"]) == ({"added": 3, "missing": 1, "different": 1}, 3, "/")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"at": "2900-01-01T00:00:00Z"}, "at"),
        ({"at": "soon"}, "at"),
        ({"with_at": "0001-01-01"}, "with_at"),
        ({"with_broker": "nowhere"}, "with_broker"),
        ({"sort": "password"}, "sort"),
        ({"page_size": "501"}, "page_size"),
        ({"atx": "now"}, "atx"),
    ],
)
def test_wrong_parameters_are_named(person: Client, shop: Shop, given: dict[str, str], field: str) -> None:
    response = person.get("/api/v1/compare", {**shop.sides, **given})
    assert response.status_code in (400, 404) and response.json()["error"]["field"] == field
    assert person.get("/history/compare/", {**shop.sides, **given}).status_code == 200


def test_a_moment_before_anything_was_recorded_says_so(person: Client, shop: Shop) -> None:
    long_ago = {**shop.sides, "at": "2020-01-01T00:00:00Z"}
    assert person.get("/api/v1/compare", long_ago).status_code == person.get("/api/v1/definitions", long_ago).status_code == 404
    page = person.get("/history/compare/", long_ago).content.decode()
    assert "Not recorded" in page and "2020-01-01 00:00:00 UTC" in page
    assert person.get("/history/compare/download/", long_ago).status_code == person.get("/history/definitions/", long_ago).status_code == 404


def test_a_moment_of_an_outage_has_the_definitions_known_last_and_no_depths(person: Client, shop: Shop) -> None:
    store.save_failure(shop.broker.pk, Broker.UNREACHABLE, "no answer", shop.later, 1.0, shop.memory)
    found = call(person, "compare", **shop.sides)
    assert (found["figures"], found["counts"]["figures"], found["after"]["figures_at"]) == (None, None, None)
    assert [note for note in found["notes"] if "known last" in note] and [note for note in found["notes"] if "No depths and rates of prod" in note]
    assert "known last" in person.get("/history/compare/", shop.sides).content.decode()


def test_no_broker_no_error(person: Client) -> None:
    assert "No broker is watched yet." in person.get("/history/compare/").content.decode()


def test_the_page_without_parameters_compares_now_with_five_minutes_ago(person: Client, shop: Shop) -> None:
    shop.change()
    page = person.get("/history/compare/").content.decode()
    assert "orders → mail (key paid)" in page


def test_of_a_young_history_the_page_without_parameters_and_the_call_compare_with_the_first_record(person: Client, now: datetime) -> None:
    broker, memory = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=5, revision=1, version="3.10.8"), BrokerMemory()
    for seconds, bound in ((90, (("orders", "new", "mail"),)), (10, (("orders", "new", "mail"), ("orders", "paid", "mail")))):
        at = now - timedelta(seconds=seconds)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=1, unacknowledged=0)), at, memory)
        store.save_topology(broker.pk, {"/": a_topology(*bound)}, None, None, None, at, memory)
    page = person.get("/history/compare/").content.decode()
    assert "Not recorded" not in page and f"are recorded since {now - timedelta(seconds=90):%Y-%m-%d %H:%M:%S} UTC only" in page
    found = call(person, "compare", broker="prod")
    assert found["counts"]["added"] == 1 and "orders" in found["added"][0]["name"]


def test_a_name_is_escaped_wherever_it_stands(person: Client, shop: Shop) -> None:
    name = "<script>alert(1)</script>"
    shop.poll(shop.later, Topology("/", queues=(QueueDefinition(name, "classic", arguments={name: name}),)), a_queue(name, ready=1, unacknowledged=0))
    page = person.get("/history/compare/", shop.sides).content.decode()
    assert "alert(1)" in page and "<script>alert" not in page


class TestDefinitions:
    def test_of_a_virtual_host_are_what_was_recorded_then(self, person: Client, shop: Shop) -> None:
        shop.change()
        then, now = (call(person, "definitions", broker="prod", vhost="/", at=at) for at in (shop.sides["at"], "now"))
        assert then["policies"] == [{"vhost": "/", "name": "cap", "pattern": "^mail", "apply-to": "queues", "priority": 1, "definition": {"max-length": 5}}]
        assert [queue["name"] for queue in then["queues"]] == ["mail"] and [queue["name"] for queue in now["queues"]] == ["audit", "mail"]
        assert "vhosts" not in then and "users" not in then and "users, passwords and permissions" in then["hareline"]["left_out"]
        assert json.loads(person.get("/history/definitions/", {"broker": "prod", "vhost": "/", "at": shop.sides["at"]}).content) == then
        assert compared(of_export(then)[0], of_export(now)[0]).counts() == {"added": 3, "missing": 1, "different": 1}

    def test_of_a_whole_broker_name_their_virtual_hosts(self, person: Client, shop: Shop) -> None:
        found = call(person, "definitions", broker="prod", at=shop.sides["at"])
        assert found["vhosts"] == [{"name": "/"}] and found["queues"][0]["vhost"] == "/"

    def test_of_a_part_say_that_they_are_a_part(self, client: Client, shop: Shop) -> None:
        client.force_login(a_person("eve", "viewer", vhost="/", queue="audit"))
        shop.change()
        found = call(client, "definitions", broker="prod", vhost="/")
        assert [queue["name"] for queue in found["queues"]] == ["audit"] and "what you may not view" in found["hareline"]["left_out"]
        assert "mail" not in json.dumps(found)
