"""Shovels and federation links, clients that leak, and churn."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import ClientTrend, Transfer
from brokers.queries.for_findings import ClosedClient
from brokers.stats import LINK, SHOVEL, SHOVEL_STATUS
from dashboard.findings.rule import Found
from dashboard.findings.rules import churn, client_leak, transfer_down
from dashboard.models import RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON, found

ENDS = {"src": {"queue": "orders", "address": "amqp://"}, "dest": {"queue": "orders", "address": "amqp://elsewhere"}}
STARTED = int(NOON.timestamp()) - 3600


def transfer(kind: str, name: str = "copy", /, **facts: Any) -> Transfer:
    return Transfer(pk=4, vhost="/", kind=kind, name=name, facts=facts)


def down(*transfers: Transfer) -> list[Found]:
    return found(transfer_down, objects.facts(transfers=transfers))


@pytest.mark.parametrize(("state", "level"), [("starting", "warning"), ("terminated", "critical"), ("error", "critical"), ("flow", "notice")])
def test_a_shovel_that_does_not_run(state: str, level: str) -> None:
    (one,) = down(transfer(SHOVEL, **ENDS), transfer(SHOVEL_STATUS, **ENDS, state=state))
    assert (one.level, one.object.name) == (level, "shovel copy")
    assert one.short == {"starting": "is not connected: its state is starting", "flow": "is slowed down"}.get(state, "is down")
    assert {evidence.name: evidence.value for evidence in one.evidence} == {
        "State": state,
        "From": "queue orders at amqp://",
        "To": "queue orders at amqp://elsewhere",
    }


def test_one_that_runs_is_no_finding_and_one_that_is_blocked_is() -> None:
    assert down(transfer(SHOVEL), transfer(SHOVEL_STATUS, state="running")) == []
    assert [one.short for one in down(transfer(SHOVEL_STATUS, state="blocked"))] == ["is blocked"]


def test_one_that_is_defined_and_has_no_state_is_found_only_where_states_can_be_seen() -> None:
    assert down(transfer(SHOVEL)) == []
    assert [one.short for one in down(transfer(SHOVEL), transfer(SHOVEL_STATUS, "other", state="running"))] == ["is defined and does not run"]


def test_a_federation_link_names_its_upstream_and_what_is_federated() -> None:
    link = {"kind": "exchange", "object": "orders", "there": "orders", "address": "amqp://up"}
    (one,) = down(transfer(LINK, "up", **link, state="error"))
    assert one.whole_title == "federation upstream up of exchange orders is down"
    assert down(transfer(LINK, "up", **link, state="running")) == []


def trend(*counts: tuple[int, int], **values: Any) -> ClientTrend:
    """Samples a minute apart."""
    samples = [[STARTED + 60 * minute, *one] for minute, one in enumerate(counts)]
    return ClientTrend(**({"pk": 2, "vhost": "/", "user": "shop", "peer_host": "10.0.0.5", "product": "py-amqp 5", "samples": samples} | values))


def leaks(*trends: ClientTrend, settings: Any = ()) -> list[Found]:
    return found(client_leak, objects.facts(trends=trends), *settings)


def test_a_client_that_opens_more_and_more_is_found_with_the_numbers_that_the_broker_listed() -> None:
    (one,) = leaks(trend(*((5 + 3 * minute, 10) for minute in range(20))))
    assert one.short == f"opens more and more connections: 5 at {'11:00'}, 62 at 11:19"
    assert one.evidence[1].value == "62"
    (channels,) = leaks(trend(*((5, 10 + 9 * minute) for minute in range(20))))
    assert "channels: 10 at 11:00, 181 at 11:19" in channels.short


def test_a_deployment_and_a_steady_client_do_not_leak() -> None:
    assert leaks(trend(*((5 if minute < 3 else 60, 10) for minute in range(20))), trend(*[(5, 5)] * 30), trend()) == []


def test_the_count_of_now_closes_it_sooner_than_the_trend_and_each_number_has_its_moment() -> None:
    leaking = trend(*((5 + 3 * minute, 10) for minute in range(20)))
    listed = objects.broker(connections_at=NOON)
    (one,) = found(client_leak, objects.facts(broker=listed, trends=[leaking], counted_now=lambda _: (64, 12)))
    assert [(each.name, each.value, f"{each.at:%H:%M}") for each in one.evidence] == [
        ("Rise", "connections from 5 to 62", "11:19"), ("Connections", "64", "12:00"), ("Channels", "12", "12:00"),
    ]  # fmt: skip
    for now in ((14, 10), (6, 10), (0, 0)):  # the program was ended
        assert found(client_leak, objects.facts(broker=listed, trends=[leaking], counted_now=lambda _, now=now: now)) == []


@pytest.mark.parametrize(
    ("named", "title"),
    [
        ([("", 20, 20), ("leaky@web-2", 40, 40)], "leaky@web-2 opens"),
        ([("leaky@web-2", 20, 20), ("", 40, 40)], "py-amqp 5.4.2 on 10.0.0.1 as shop opens"),
        ([(f"job-{number}", 1, 1) for number in range(60)], "py-amqp 5.4.2 on 10.0.0.1 as shop opens"),
        ([("jobs", 5, 900), ("leaky@web-2", 55, 55)], "leaky@web-2 opens"),  # what grows are connections
        ([], "py-amqp 5.4.2 on 10.0.0.1 as shop opens"),
    ],
)
def test_it_is_called_as_the_connections_that_grow_are(named: list[tuple[str, int, int]], title: str) -> None:
    leaking = trend(*((5 + 3 * minute, 10) for minute in range(20)))
    leaking.product, leaking.peer_host, leaking.user = "py-amqp 5.4.2", "10.0.0.1", "shop"
    (one,) = found(client_leak, objects.facts(trends=[leaking], names_now=lambda _: named))
    assert one.whole_title.startswith(title)
    assert one.object.name == "py-amqp 5.4.2 on 10.0.0.1 as shop"


def test_far_too_many_channels_on_a_connection() -> None:
    assert leaks(trend((2, 400))) == []
    assert [one.short for one in leaks(trend((2, 402)))] == ["has ~201 channels for each connection"]
    fewer = RuleSetting(rule=client_leak.KEY, threshold="channels", broker="*", vhost="*", name="*", value=50, at=NOON)
    assert len(leaks(trend((2, 102)), settings=[fewer])) == 1
    assert leaks(trend((0, 0))) == []


def test_connections_that_come_and_go_are_churn_with_whose_they_are() -> None:
    busy = objects.broker(
        connections_opened_per_second=12.0, connections_closed_per_second=11.5, channels_opened_per_second=12.0, channels_closed_per_second=11.0
    )
    (one,) = found(churn, objects.facts(broker=busy, closed_lately=lambda: [ClosedClient("/", "php", "10.0.0.9", "AMQPLib 3", 512)]))
    assert one.short == "has 11.5 connections opened and closed each second"
    assert [(evidence.name, evidence.value) for evidence in one.evidence][2] == ("AMQPLib 3 on 10.0.0.9 as php", "512 connections closed")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"connections_opened_per_second": 40.0, "connections_closed_per_second": 0.1}, []),  # a start of many
        ({"connections_opened_per_second": 5.0, "connections_closed_per_second": 5.0}, ["connections"]),
        ({"connections_opened_per_second": 4.9, "connections_closed_per_second": 9.0}, []),
        ({"queues_created_per_second": 2.0, "queues_deleted_per_second": 3.0}, ["queues"]),
        ({"channels_opened_per_second": 60.0, "channels_closed_per_second": 70.0}, ["channels"]),
        ({"queues_created_per_second": 9.0}, []),  # not reported
    ],
)
def test_churn_is_what_comes_and_goes(values: dict[str, float], expected: list[str]) -> None:
    assert [one.detail for one in found(churn, objects.facts(broker=objects.broker(**values)))] == expected


def test_hostile_names_stay_text() -> None:
    name = "<b>\n\udcff"
    assert len(leaks(trend((1, 999), product=name, user=name, peer_host=name))) == 1
    assert len(down(transfer(SHOVEL_STATUS, name, state="terminated"))) == 1
