"""A queue's and an exchange's row: the words, marks and numbers that pages and patches share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from brokers.models import Broker, Exchange, Queue
from dashboard.exchanges.row import exchange_row
from dashboard.layout.consumer_workers import Consuming
from dashboard.queues.row import bar, consumer_names, queue_row, trend

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=90)


def broker(**changes: Any) -> Broker:
    return Broker(**{"pk": 1, "name": "prod", "state": "up", "polled_at": NOON, "poll_seconds": 5, "version": "3.10.8", **changes})


def queue(**changes: Any) -> Queue:
    facts = {"pk": 17, "broker_id": 1, "vhost": "/", "name": "mail", "type": "classic", "state": "running", "consumers": 1, "first_seen_at": LONG_AGO}
    numbers = {"ready": 1200, "unacknowledged": 4, "depth": 1204, "highest_depth": 2408, "publish_per_second": 24.0, "deliver_per_second": 23.96}
    return Queue(**{**facts, **numbers, "arguments": {}, "effective_policy": {}, **changes})


def consuming(hostname: str | None, worker_id: int | None = None, host: str = "10.0.0.5") -> Consuming:
    return Consuming(worker_id, hostname, True, "", SimpleNamespace(peer_host=host, channel_name="c (1)"))


def test_a_row_has_its_numbers_as_text_and_raw() -> None:
    row = queue_row(queue(), broker(), (), NOON)
    assert row.key == "queue-17"
    assert (row.text["depth"], row.text["in"], row.text["ack"]) == ("1,204", "24.0", "–")
    assert row.number["depth"] == 1204 and row.number["ack_per_second"] is None
    assert row.mark == {"level": "ok", "stale": "no"}


def test_what_is_unknown_is_never_zero() -> None:
    row = queue_row(queue(ready=None, unacknowledged=None, depth=None, consumers=None, publish_per_second=None), broker(), (), NOON)
    assert {row.text["depth"], row.text["ready"], row.text["consumers"], row.text["in"]} == {"–"}
    assert row.mark["level"] == "unknown"
    assert row.number["bar_ready"] is None


def test_of_an_unavailable_broker_the_level_is_unknown_and_the_numbers_are_old() -> None:
    row = queue_row(queue(), broker(state="unreachable", reason="refused"), (), NOON)
    assert row.mark == {"level": "unknown", "stale": "yes"}
    assert row.text["reason"] == "unknown, because prod is unreachable"
    assert row.text["depth"] == "1,204" and row.text["outlook"] == ""


def test_numbers_older_than_three_intervals_are_stale() -> None:
    assert queue_row(queue(), broker(), (), NOON + timedelta(seconds=15)).mark["stale"] == "no"
    assert queue_row(queue(), broker(), (), NOON + timedelta(seconds=16)).mark["stale"] == "yes"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a/b", "طابور", "x" * 255, "{{ 7 }}", "&amp;"])
def test_any_name_leads_to_the_page_by_number(name: str) -> None:
    row = queue_row(queue(name=name), broker(), (), NOON)
    assert row.fixed["url"].endswith("/queues/17/")
    assert row.fixed["name"] == name


def test_a_consumer_is_named_by_worker_or_host_and_escaped() -> None:
    row = queue_row(queue(consumers=3), broker(), (consuming("a@web-1", 4), consuming("a@web-1", 4), consuming(None, host="<b>")), NOON)
    html = row.html["consumers"]
    assert 'href="/workers/4/"' in html and "+1" in html
    assert "<b>" not in html
    assert consumer_names((consuming("a@web-1", 4), consuming("a@web-1", 4))) == (("a@web-1", 4, False),)


def test_a_consumer_that_is_no_worker_is_marked() -> None:
    assert "(not Celery)" in queue_row(queue(), broker(), (consuming(None),), NOON).html["consumers"]


def test_no_consumers_are_shown_with_their_time() -> None:
    html = queue_row(queue(consumers=0, nobody_consumes_since=NOON - timedelta(hours=9), nobody_since_at_least=False), broker(), (), NOON).html["consumers"]
    assert "since 03:00" in html
    earlier = queue_row(queue(consumers=0, nobody_consumes_since=NOON - timedelta(days=2), nobody_since_at_least=False), broker(), (), NOON).html["consumers"]
    assert "since 22 Nov 12:00" in earlier


def test_a_queue_without_consumers_at_the_first_poll_may_have_had_none_for_longer() -> None:
    seen_at = NOON - timedelta(hours=9)
    row = queue_row(queue(consumers=0, nobody_consumes_since=seen_at, first_seen_at=seen_at), broker(), (), NOON)
    assert row.text["nobody_since"].startswith("· since 03:00") and row.text["nobody_since"].endswith("or earlier")
    assert "since at least 03:00" in row.html["consumers"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"publish_per_second": None}, ""),
        ({"type": "stream", "publish_per_second": 99.0}, ""),
        ({"depth": 12480, "publish_per_second": 24.0, "deliver_per_second": 0.0, "effective_policy": {"max-length": 50_000}}, "full in ~26 min 3 s"),
        ({"depth": 60_000, "publish_per_second": 24.0, "deliver_per_second": 0.0, "arguments": {"x-max-length": 50_000}}, "full"),
        ({"publish_per_second": 2.1, "deliver_per_second": 1.4}, "+0.7/s"),
        ({"depth": 20, "publish_per_second": 2.1, "deliver_per_second": 1.4}, ""),
        ({"depth": 20, "consumers": 0, "growth_per_second": 0.3}, "+0.3/s"),
        ({"depth": 20, "consumers": 0, "growth_per_second": 0.04}, "+0.04/s"),
        ({"depth": 20, "consumers": 0, "growth_per_second": 0.0}, ""),
        ({"depth": 20, "consumers": 0, "growth_per_second": 0.001}, ""),
        ({"depth": 1200, "publish_per_second": 0.0, "deliver_per_second": 10.0}, "empty in ~2 min"),
        ({"depth": 120, "publish_per_second": 0.0, "deliver_per_second": 10.0}, ""),
    ],
)
def test_a_trend_is_shown_only_where_the_rates_support_it(changes: dict[str, Any], words: str) -> None:
    assert trend(queue(**changes)) == words


def test_the_bar_is_full_at_the_queues_own_highest_depth() -> None:
    assert bar(queue()) == {"bar_ready": 47.8, "bar_all": 48.8}
    assert bar(queue(ready=0, unacknowledged=0, depth=0)) == {"bar_ready": 0.0, "bar_all": 0.0}
    assert queue_row(queue(type="stream"), broker(), (), NOON).number["bar_all"] is None


def test_an_exchange_explains_its_type() -> None:
    default = Exchange(pk=3, broker_id=1, vhost="/", name="", type="direct", durable=True, auto_delete=False, internal=False, publish_in_per_second=0.04)
    row = exchange_row(default, broker(), NOON)
    assert (row.fixed["name"], row.text["in"], row.text["out"]) == ("(default)", "<0.1", "–")
    assert "whose name is its routing key" in row.fixed["type_explained"]
    odd = Exchange(pk=4, broker_id=1, vhost="/", name="odd", type="x-odd", durable=False, auto_delete=True, internal=True, policy="p")
    assert exchange_row(odd, broker(), NOON).fixed["features"] == ["transient", "auto-delete", "internal", "policy p"]
    assert "type x-odd is unknown to Hareline" in exchange_row(odd, broker(), NOON).fixed["type_explained"]


def test_the_peak_is_never_below_the_depth_beside_it() -> None:
    assert queue_row(queue(depth=81, highest_depth=79), broker(), [], NOON).text["peak"] == "81"
    assert queue_row(queue(depth=5, highest_depth=79), broker(), [], NOON).text["peak"] == "79"
    assert queue_row(queue(depth=None, highest_depth=None), broker(), [], NOON).text["peak"] == "–"
