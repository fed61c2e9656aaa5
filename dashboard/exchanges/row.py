"""One exchange as a table row and as the head of its page. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from brokers import parts
from brokers.models import Broker, Exchange
from dashboard.layout import formatting, levels
from dashboard.live.rows import LiveRow

DEFAULT_NAME = "(default)"

TYPES = {
    "direct": "A message goes to every queue or exchange bound with exactly its routing key.",
    "fanout": "A message goes to everything bound to it; the routing key is ignored.",
    "topic": "A message goes where the binding key matches its routing key word by word: * is one word, # zero or more words.",
    "headers": "A message goes where its headers match the binding's arguments; the routing key is ignored.",
    "x-consistent-hash": "A message goes to one destination, chosen by a hash of its routing key or of a header; binding keys are weights.",
    "x-random": "A message goes to one of the bindings, chosen at random.",
    "x-local-random": "A message goes to one queue on the publisher's node, chosen at random.",
    "x-recent-history": "A message goes to everything bound to it, and a new binding also receives the last messages.",
    "x-delayed-message": "A message waits for the time in its header x-delay, then is routed.",
    "x-event": "The broker publishes its own events here; bindings match as in a topic exchange.",
    "x-modulus-hash": "A message goes to one destination, chosen by a hash of its routing key over the number of bindings.",
    "x-jms-topic": "A message goes where the binding's selector matches; made for JMS clients.",
}
DEFAULT_EXPLAINED = "A message goes to the queue whose name is its routing key. Every queue is bound here by its name; no other bindings are possible."


def exchange_row(exchange: Exchange, broker: Broker, now: datetime) -> LiveRow:
    """The exchange as both the table and its own page show it."""
    hidden = levels.unavailable(broker, now)
    stale = bool(hidden or levels.unread(broker, parts.EXCHANGES, now))
    return LiveRow(
        key=f"exchange-{exchange.pk}",
        text={"in": formatting.rate(exchange.publish_in_per_second), "out": formatting.rate(exchange.publish_out_per_second)},
        mark={"stale": "yes" if stale else "no"},
        number={"publish_in_per_second": exchange.publish_in_per_second, "publish_out_per_second": exchange.publish_out_per_second},
        fixed={
            "exchange": exchange,
            "name": shown_name(exchange.name),
            "type": exchange.type,
            "type_explained": type_explained(exchange),
            "features": features(exchange),
            "vhost": exchange.vhost,
            "broker": broker,
            "stale": stale,
            "hidden": hidden,
            "as_of": formatting.moment_text(levels.read_at(broker, parts.EXCHANGES), now),
            "url": reverse("exchange", args=[exchange.pk]),
        },
    )


def shown_name(name: str) -> str:
    """The name to display; "(default)" for the default exchange, whose name is empty."""
    return name or DEFAULT_NAME


def type_explained(exchange: Exchange) -> str:
    """One sentence on what the exchange does with a message."""
    if not exchange.name:
        return DEFAULT_EXPLAINED
    return TYPES.get(exchange.type, f"The exchange type {exchange.type} is unknown to Hareline, so it cannot predict where messages go.")


def features(exchange: Exchange) -> list[str]:
    """Labels such as "durable", "internal" and "policy limits"."""
    labels = ["durable" if exchange.durable else "transient"]
    labels += ["auto-delete"] * exchange.auto_delete + ["internal"] * exchange.internal
    if alternate := (exchange.arguments or {}).get("alternate-exchange"):
        labels.append(f"alternate {alternate}")
    return labels + [f"policy {exchange.policy}"] * bool(exchange.policy)


def known_publishers(exchange: Exchange, now: datetime) -> tuple[list[dict[str, Any]] | None, datetime | None]:
    """(publishers, when they were read); (None, None) if that is out of date: the poller reads them only while the exchange's page is open, and an
    outage makes them unknown."""
    broker, at = exchange.broker, exchange.publishers_at
    if at is None or broker.polled_at is None or levels.unavailable(broker, now) or (broker.since is not None and at < broker.since):
        return None, None
    oldest = broker.polled_at - timedelta(seconds=levels.STALE_INTERVALS * (broker.poll_seconds or levels.DEFAULT_POLL_SECONDS))
    return (exchange.publishers, at) if at >= oldest else (None, None)
