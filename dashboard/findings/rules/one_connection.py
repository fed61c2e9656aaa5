"""Virtual hosts where everything is published and consumed over one connection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "one_connection"
NAME = "Everything through one connection"
ABOUT = "A virtual host has a single connection, which both publishes and consumes."
NEEDS = ("broker", parts.CONNECTIONS, parts.CHANNELS)
THRESHOLDS = (Threshold("rate", "Messages published and delivered from which it counts", 10, "/s"),)
OPENS_AFTER = timedelta(minutes=2)
CLEARS_AFTER = timedelta(minutes=1)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    for one in facts.only_connections():
        published, delivered = one.publish_per_second or 0.0, one.deliver_per_second or 0.0
        is_busy = published > 0 and delivered > 0 and published + delivered >= thresholds.of(KEY, "rate", one.vhost, one.name)
        if not is_busy or thresholds.is_off(KEY, one.vhost, one.name):
            continue
        at = facts.its_broker.connections_at
        yield Found(
            KEY,
            Object("connection", one.name, one.vhost, one.pk),
            "notice",
            f"publishes and consumes everything in {one.vhost}",
            title=f"{one.client or one.name} publishes and consumes everything in {one.vhost} over one connection",
            meaning="While the broker slows down or blocks a connection that publishes, its acknowledgements wait too; and when it breaks, all stops at once.",
            evidence=[
                Evidence("Published", f"{formatting.rate(published)}/s", at),
                Evidence("Delivered", f"{formatting.rate(delivered)}/s", at),
                Evidence("Channels", formatting.number(one.channels), at),
            ],
            causes=[Cause("The program shares one connection among its producers and consumers.")],
            to_do=["Open one connection to publish and another one to consume, as Celery does."],
            links=[Link("Open the connection", "connection", one.pk)],
            clears="when another connection publishes or consumes there",
        )
