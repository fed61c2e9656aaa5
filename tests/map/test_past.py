"""The map at a past moment, and what has changed since."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import zstandard
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, TopologyVersion, VirtualHost
from brokers.queries import kept
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology, encode
from dashboard.layout.moments import at_text
from tests.map.test_page import map_of, names, table
from tests.secret_shop import SHOP
from tests.secret_shop import Shop as SecretShop

pytestmark = pytest.mark.django_db


def test_the_map_at_a_past_moment_is_that_of_then(person: Client) -> None:
    kept.forget()
    moment = quote(at_text(SecretShop().now), safe="")
    made = Topology(SHOP, (ExchangeDefinition("then", "topic"),), (QueueDefinition("orders.eu"),), (BindingDefinition("then", "orders.eu", "queue", "k"),))
    TopologyVersion.objects.filter(vhost=SHOP).update(data=zstandard.compress(encode(made)))
    found = map_of(person, f"?broker=prod&vhost={SHOP}&at={moment}")
    assert {"then", "orders.eu"} <= names(found) and "orders.in" not in names(found)


def test_what_came_went_or_changed_since_a_moment_is_marked_and_comes_first(person: Client) -> None:
    kept.forget()
    then, bound = SecretShop().now, BindingDefinition("fan", "orders.eu", "queue", "k")
    exchanges, same = (ExchangeDefinition("fan", "fanout"), ExchangeDefinition("old", "topic")), QueueDefinition("orders.eu")
    before = Topology(SHOP, exchanges, (same, QueueDefinition("orders.us")), (bound,))
    grown = QueueDefinition("orders.us", arguments={"x-max-length": 5})
    after = Topology(SHOP, exchanges[:1], (QueueDefinition("new"), same, grown), (BindingDefinition("fan", "new", "queue", ""), bound))
    TopologyVersion.objects.filter(vhost=SHOP).update(data=zstandard.compress(encode(before)))
    TopologyVersion.objects.create(broker=Broker.objects.get(), vhost=SHOP, at=timezone.now(), data=zstandard.compress(encode(after)))
    query = f"?broker=prod&vhost={SHOP}&at={quote(at_text(then), safe='')}"
    assert {node["change"] for node in map_of(person, query)["nodes"]} == {""}
    found = map_of(person, f"{query}&since=show")
    marked = {node["name"]: (node["change"], node["lines"][0]) for node in found["nodes"] if node["change"] and node["kind"] in ("queue", "exchange")}
    assert marked == {
        "new": ("came", "new since then"), "old": ("gone", "gone since then"), "orders.us": ("changed", "changed since then: arguments"),
    }  # fmt: skip
    edge = next(edge for edge in found["edges"] if edge["change"])
    assert (edge["label"], edge["change"]) == ("+ every message", "came") and edge["text"].endswith("new since then")
    assert person.get(f"/api/v1/map{query}&since=show").json()["nodes"] == found["nodes"]
    shown = table(person, f"{query}&since=show")
    assert "1 object is new, 1 object is gone, 1 object is changed" in shown and "1 edge is new" in shown
    assert shown.index("changed since then: arguments") < shown.index("orders.eu")
    assert "binding, new since then" in table(person, f"{query}&since=show&list=edges")
    assert "Nothing of what is recorded" not in shown


def test_virtual_hosts_that_came_or_went_since_a_moment_are_marked_with_all_that_is_in_them(person: Client) -> None:
    kept.forget()
    then, now = SecretShop().now, timezone.now()
    broker = Broker.objects.get()
    TopologyVersion.objects.filter(vhost=SHOP).delete()
    for vhost, at in ((SHOP, then), ("later", now)):
        made = Topology(vhost, (ExchangeDefinition("fan", "fanout"),), (QueueDefinition("mail"),))
        TopologyVersion.objects.create(broker=broker, vhost=vhost, at=at, data=zstandard.compress(encode(made)))
    query = f"?at={quote(at_text(then), safe='')}&since=show"
    VirtualHost.objects.filter(name=SHOP).update(gone_at=now)
    VirtualHost.objects.create(broker=broker, name="later", first_seen_at=now)
    changes = {(node["vhost"], node["name"]): node["change"] for node in map_of(person, query)["nodes"] if node["kind"] in ("queue", "exchange")}
    assert changes[SHOP, "mail"] == changes[SHOP, "fan"] == "gone" and changes["later", "mail"] == changes["later", "fan"] == "came"
