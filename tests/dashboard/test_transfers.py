"""Shovels and federation: read from recorded answers, shown as arrows, and never a password of theirs anywhere."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from brokers.management import parse
from brokers.masked_addresses import HIDDEN, masked
from brokers.models import Broker, Exchange, Policy, Queue, Transfer
from brokers.polling.poll_memory import Permissions, PollMemory
from brokers.stats import TransferStats
from dashboard.layout.transfers import NEEDS_POLICYMAKER, Arrow, Place, arrows
from dashboard.models import User
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement
from tests.brokers.polled import poll_once
from tests.fault_server import FaultServer

PARAMETERS: list[dict[str, Any]] = [
    {
        "component": "shovel",
        "vhost": "m",
        "name": "s1",
        "value": {"src-uri": "amqp://mover:SECRET1@up.example", "src-queue": "work", "dest-uri": "amqp://localhost", "dest-queue": "out"},
    },
    {
        "component": "shovel",
        "vhost": "m",
        "name": "s2",
        "value": [
            ["src-uri", ["amqp://"]],
            ["src-exchange", "events"],
            ["src-exchange-key", "a.#"],
            ["dest-uri", "amqps://x:SECRET2@far"],
            ["dest-address", "/q/a"],
        ],
    },
    {
        "component": "shovel",
        "vhost": "m",
        "name": "s3",
        "value": {"src-uri": "amqp:///other", "src-queue": "there", "dest-uri": "amqp://", "dest-queue": "out"},
    },
    {"component": "federation-upstream", "vhost": "m", "name": "u1", "value": {"uri": "amqp://fed:SECRET3@peer.example/v", "exchange": "remote"}},
    {"component": "federation-upstream", "vhost": "m", "name": "u2", "value": {"uri": "encrypted:SECRET4=="}},
    {"component": "federation-upstream-set", "vhost": "m", "name": "both", "value": [{"upstream": "u1"}, {"upstream": "u2", "exchange": "elsewhere"}]},
    {"component": "operator_policy", "vhost": "m", "name": "capped", "value": {"definition": [["max-length", 5000]]}},
]
SHOVELS = [
    {
        "name": "s1",
        "vhost": "m",
        "state": "terminated",
        "reason": "{{auth_failure,amqp://mover:SECRET1@up.example}}",
        "src_uri": "amqp://up.example",
        "src_queue": "work",
    },
    {"name": "static", "vhost": "m", "state": "running", "src_uri": "amqp://far", "src_queue": "a", "dest_uri": "amqp://", "dest_exchange": "events"},
]
LINKS = [
    {
        "vhost": "m",
        "type": "exchange",
        "exchange": "events",
        "upstream": "u1",
        "upstream_exchange": "remote",
        "status": "running",
        "uri": "amqp://peer.example/v",
    },
    {
        "vhost": "m",
        "type": "queue",
        "queue": "out",
        "upstream": "u9",
        "upstream_queue": "q",
        "status": "error",
        "error": "SECRET5",
        "uri": "amqp://x:SECRET6@b",
    },
]


def body(rows: Any) -> bytes:
    return json.dumps(rows).encode()


def everything() -> list[TransferStats]:
    return parse.parameters(body(PARAMETERS)) + parse.shovels(body(SHOVELS)) + parse.federation_links(body(LINKS))


def test_nothing_that_is_passed_on_holds_a_secret() -> None:
    assert "SECRET" not in repr(everything())
    assert [one.name for one in everything()] == ["s1", "s2", "s3", "u1", "u2", "both", "s1", "static", "u1", "u9"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("amqp://up.example", "amqp://up.example"),
        ("amqps://u:p@up.example:5671/v%2F1?verify=verify_peer&password=x", "amqps://up.example:5671/v%2F1"),
        ("amqp://u:p@[::1]:5672", "amqp://[::1]:5672"),
        ("amqp://u@/v", "amqp:///v"),
        (["amqp://a:b@one", "amqp://c:d@two"], "amqp://one"),
        ([], ""),
        ("", ""),
        (None, ""),
        ("amqp://u:p/w@up.example", HIDDEN),
        ("amqp://u:p@w@up.example", HIDDEN),
        ("amqp://u:p#w@up.example", HIDDEN),
        ("amqp://secret word@up.example", HIDDEN),
        ("http://u:p@up.example", HIDDEN),
        ("encrypted:abc==", HIDDEN),
        (5, HIDDEN),
    ],
)
def test_an_address_is_shown_without_user_password_and_options(address: Any, shown: str) -> None:
    assert masked(address) == shown


@given(st.text(st.characters(exclude_characters="%"), min_size=6, max_size=20))
def test_no_password_is_ever_part_of_a_masked_address(password: str) -> None:
    shown = masked(f"amqp://mover:{password}@up.example")
    assert shown in ("amqp://up.example", HIDDEN)


def test_a_queue_has_arrows_of_its_shovels_in_both_directions() -> None:
    assert arrows(Place("queue", "out", "m"), everything()) == [
        Arrow("in", "shovel s1", "queue work at amqp://up.example", "terminated", "critical"),
        Arrow("in", "shovel s3", "queue there at virtual host other", "state unknown", "unknown"),
        Arrow("in", "federation upstream u9", "queue q at amqp://b", "error", "critical"),
    ]
    assert arrows(Place("queue", "work", "m"), everything()) == [], "that queue is at another broker"
    assert [one.by for one in arrows(Place("queue", "work", "m", hosts=["up.example"]), everything())] == ["shovel s1"], "unless the address is this broker's"
    assert [one.direction for one in arrows(Place("queue", "there", "other"), everything())] == ["out"], "a shovel of another virtual host"


def test_an_exchange_has_arrows_of_shovels_and_of_its_upstreams() -> None:
    assert arrows(Place("exchange", "events", "m", policy={"federation-upstream-set": "both"}), everything()) == [
        Arrow("out", "shovel s2", "/q/a at amqps://far", "state unknown", "unknown"),
        Arrow("in", "shovel static", "queue a at amqp://far", "running", "ok"),
        Arrow("in", "federation upstream u1", "exchange remote at amqp://peer.example/v", "running", "ok"),
        Arrow("in", "federation upstream u2", f"exchange elsewhere at {HIDDEN}", "no link", "unknown"),
    ]


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ({}, []),
        ({"max-length": 5}, []),
        ({"federation-upstream": "u2"}, ["federation upstream u2"]),
        ({"federation-upstream-set": "all"}, ["federation upstream u1", "federation upstream u2"]),
        ({"federation-upstream-set": "nothing"}, ["federation"]),
        ({"federation-upstream-pattern": "^u"}, ["federation upstream u1", "federation upstream u2"]),
    ],
)
def test_the_policy_chooses_the_upstreams(policy: dict[str, Any], names: list[str]) -> None:
    assert [one.by for one in arrows(Place("queue", "plain", "m", policy=policy), everything())] == names


def test_upstreams_that_may_not_be_listed_are_unknown() -> None:
    [arrow] = arrows(Place("exchange", "events", "m", policy={"federation-upstream-set": "all"}), [])
    assert (arrow.other, arrow.level) == (NEEDS_POLICYMAKER, "unknown")


@given(
    st.dictionaries(
        st.sampled_from(["component", "vhost", "name", "value", "state", "src_uri", "queue", "upstream", "status"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    )
)
def test_any_row_is_read_or_left_out(row: dict[str, Any]) -> None:
    for read in (parse.parameters, parse.shovels, parse.federation_links):
        found = [SimpleNamespace(vhost=one.vhost, kind=one.kind, name=one.name, facts=one.facts) for one in read(body([row, {"component": "shovel", **row}]))]
        arrows(Place("queue", "q", "/"), found)


@pytest.fixture
def management(fault_server: FaultServer) -> FakeManagement:
    found = FakeManagement(fault_server)
    found.set("permissions", [])
    found.set("topic-permissions", [])
    return found


@pytest.mark.parametrize(
    ("tags", "requested"),
    [
        (["management"], set()),
        (["monitoring"], {"shovels", "federation-links"}),
        (["policymaker"], {"parameters"}),
        (["administrator"], {"parameters", "shovels", "federation-links"}),
    ],
)
def test_only_what_the_user_may_see_is_requested_and_a_plugin_that_is_off_rarely(management: FakeManagement, tags: list[str], requested: set[str]) -> None:
    management.set("whoami", {"name": "ann", "tags": tags})
    management.set("parameters", PARAMETERS)
    api, memory = management.api(), PollMemory()
    memory.inventory.permissions = Permissions(False)
    paths = {"parameters", "shovels", "federation-links"}
    known = sorted(parse.parameters(body(PARAMETERS)), key=lambda one: (one.vhost, one.kind, one.name)) if "parameters" in requested else []
    assert poll_once(api, NOON, memory).transfers == known
    assert paths & set(management.requested()) == requested
    assert poll_once(api, after(5), memory).transfers == (known or None), "again with every poll where there are any"
    poll_once(api, after(35), memory)
    assert paths & set(management.requested()) == requested & {"parameters"}, "404: the plugins are off"
    poll_once(api, after(700), memory)
    assert paths & set(management.requested()) == requested


@pytest.mark.django_db
def test_pages_show_the_arrows_and_no_secret(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada", password="secret"))
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, addresses=["http://mq.example:15672"])
    seen = {"broker": broker, "vhost": "m", "first_seen_at": now, "changed_at": now}
    Transfer.objects.bulk_create([Transfer(broker=broker, vhost=one.vhost, kind=one.kind, name=one.name, facts=one.facts) for one in everything()])
    queue = Queue.objects.create(**seen, name="out")
    Policy.objects.create(broker=broker, vhost="m", name="fed", pattern="^ev", apply_to="exchanges", priority=0, definition={"federation-upstream": "u1"})
    exchange = Exchange.objects.create(**seen, name="events", type="topic", durable=True, auto_delete=False, internal=False, policy="fed")
    plain = Queue.objects.create(**seen, name="plain")
    for address, words in (
        (f"/queues/{queue.pk}/", ["queue work at amqp://up.example", "shovel s1", "terminated"]),
        (f"/queues/{queue.pk}/?part=transfers", ["shovel s3"]),
        (f"/exchanges/{exchange.pk}/", ["exchange remote at amqp://peer.example/v", "federation upstream u1", "shovel s2"]),
        (f"/exchanges/{exchange.pk}/?part=transfers", ["shovel static"]),
    ):
        page = client.get(address).content.decode()
        assert [word for word in words if word not in page] == []
        assert "SECRET" not in page
    assert "Shovels and federation" not in client.get(f"/queues/{plain.pk}/").content.decode()
