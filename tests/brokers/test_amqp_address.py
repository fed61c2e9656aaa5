"""Credentials go by AMQP only to a port that the broker reported or a person named, and over TLS where the management URL is https."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brokers import store
from brokers.addresses import BrokerAddress
from brokers.amqp_address import addresses, remembered
from brokers.models import Broker
from brokers.parts import NODES, OVERVIEW
from brokers.stats import Listener, NodeStats
from tests.brokers.facts import a_broker, a_poll, after

PLAIN, TLS = Listener("rabbit@a", "amqp", 5672), Listener("rabbit@a", "amqp/ssl", 5671)
HTTP, HTTPS = Listener("rabbit@a", "http", 15672), Listener("rabbit@a", "https", 15671)


def broker(*urls: str, amqp_url: str | None = None) -> BrokerAddress:
    return BrokerAddress("prod", urls, "ann", "s3cret", amqp_url=amqp_url)


@pytest.mark.parametrize(
    ("url", "listeners", "expected"),
    [
        ("http://h:15672", [PLAIN, HTTP], "amqp://ann:s3cret@h:5672/shop"),
        ("http://h:15672", [TLS, PLAIN, HTTP], "amqp://ann:s3cret@h:5672/shop"),
        ("http://h:15672", [TLS, HTTP], "amqps://ann:s3cret@h:5671/shop"),
        ("https://h:15671", [PLAIN, TLS, HTTPS], "amqps://ann:s3cret@h:5671/shop"),
        ("https://h:443", [PLAIN, TLS, HTTP], "amqps://ann:s3cret@h:5671/shop"),  # TLS ends at a proxy
        ("https://[::1]:15671", [TLS], "amqps://ann:s3cret@[::1]:5671/shop"),
    ],
)
def test_tls_follows_the_scheme_of_the_management_url(url: str, listeners: list[Listener], expected: str) -> None:
    (found,) = addresses(broker(url), listeners, "shop")
    assert (found.url, found.refusal) == (expected, "")


def test_clear_text_is_refused_beside_https_with_the_variable_that_permits_it() -> None:
    (found,) = addresses(broker("https://h:15671"), [PLAIN, HTTPS], "/")
    assert found.refusal.startswith("AMQP at prod is in clear text only (port 5672), but its management URL is https, so the password is not sent")
    assert "HARELINE_BROKER_AMQP_PROD=amqp://h:5672" in found.refusal
    assert "s3cret" not in found.url + found.refusal
    (permitted,) = addresses(broker("https://h:15671", amqp_url="amqp://ann:s3cret@h:5672"), [PLAIN, HTTPS], "/")
    assert (permitted.url, permitted.refusal) == ("amqp://ann:s3cret@h:5672/%2F", "")


@pytest.mark.parametrize(("url", "example"), [("http://h:15672", "amqp://h:5672"), ("https://h:15671", "amqps://h:5671")])
@pytest.mark.parametrize(("listeners", "words"), [([], "lacks the monitoring tag"), ([HTTP, HTTPS], "the broker reports no listener for it")])
def test_no_password_goes_to_a_port_that_was_only_guessed(url: str, example: str, listeners: list[Listener], words: str) -> None:
    (found,) = addresses(broker(url), listeners, "/")
    assert found.refusal.startswith("the AMQP port of prod is unknown")
    assert words in found.refusal
    assert f"HARELINE_BROKER_AMQP_PROD={example}" in found.refusal
    assert "s3cret" not in found.url + found.refusal


def test_each_node_of_a_cluster_has_the_port_of_its_own() -> None:
    listeners = [PLAIN, HTTP, Listener("rabbit@b", "amqp", 5673), Listener("rabbit@b", "http", 15673)]
    found = addresses(broker("http://h:15673", "http://h:15672"), listeners, "/")
    assert [one.url.rpartition("@")[2] for one in found] == ["h:5673/%2F", "h:5672/%2F"]


def test_nodes_that_share_a_port_are_distinguished_by_their_hosts() -> None:
    found = addresses(broker("http://a:15672", "http://b:15672"), [PLAIN, HTTP, Listener("rabbit@b", "amqp", 5672), Listener("rabbit@b", "http", 15672)], "/")
    assert [one.url.rpartition("@")[2] for one in found] == ["a:5672/%2F", "b:5672/%2F"]


def test_a_node_that_is_permitted_stands_in_for_one_that_is_not() -> None:
    (found,) = addresses(broker("https://a:15671", "http://b:15672"), [PLAIN], "/")
    assert (found.url, found.refusal) == ("amqp://ann:s3cret@b:5672/%2F", "")


def test_the_listeners_of_a_node_that_is_down_are_remembered_until_it_leaves_the_cluster() -> None:
    other = Listener("rabbit@b", "amqp", 5673)
    assert remembered([PLAIN, other], [PLAIN], {"rabbit@a", "rabbit@b"}) == [PLAIN, other]
    assert remembered([PLAIN, other], [PLAIN], {"rabbit@a"}) == [PLAIN]
    assert remembered([PLAIN, other], [TLS, other], {"rabbit@a", "rabbit@b"}) == [TLS, other]


@pytest.mark.django_db
def test_listeners_are_stored_and_stay_while_their_node_is_down_or_the_nodes_cant_be_read() -> None:
    pk, other = a_broker().pk, Listener("rabbit@b", "amqp", 5673)
    nodes = [NodeStats("rabbit@a", True), NodeStats("rabbit@b", True)]
    polls: list[tuple[dict[str, Any], list[Listener]]] = [
        ({"nodes": nodes, "overview": {"listeners": (PLAIN, other)}}, [PLAIN, other]),
        ({"nodes": [nodes[0], NodeStats("rabbit@b", False)], "overview": {"listeners": (PLAIN,)}}, [PLAIN, other]),
        ({"nodes": [], "failed": frozenset({NODES}), "overview": {"listeners": (PLAIN,)}}, [PLAIN, other]),
        ({"nodes": nodes, "failed": frozenset({OVERVIEW}), "overview": {"listeners": ()}}, [PLAIN, other]),
        ({"nodes": nodes[:1], "overview": {"listeners": (PLAIN,)}}, [PLAIN]),
    ]
    for number, (fields, expected) in enumerate(polls):
        store.save_poll(pk, a_poll(after(5 * number), **fields), after(5 * number))
        assert msgspec.convert(Broker.objects.get().listeners, list[Listener]) == expected
