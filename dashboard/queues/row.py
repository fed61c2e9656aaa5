"""One queue as a table row and as the head of its page: prepared text, marks and numbers.

Pure but for two small fragments (level, consumers), rendered from templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.template.loader import render_to_string
from django.urls import reverse

from brokers import parts
from brokers.models import Broker, Queue
from brokers.routing.past import is_delay_level
from dashboard.findings.open_now import NOTHING_KNOWN, OpenNow
from dashboard.layout import formatting, levels, queue_levels
from dashboard.layout.consumer_workers import Consuming
from dashboard.live.rows import LiveRow

SOON = timedelta(days=1)
WORTH_SAYING = timedelta(minutes=1)
SLOWEST = 0.005
"""Messages a second; a slower growth can't be shown."""
UNKNOWN_CLIENT = "unknown client"
UNKNOWN_TYPE = "type unknown"
NOT_RECORDED = "not recorded"


def queue_row(queue: Queue, broker: Broker, consuming: Sequence[Consuming], now: datetime, opened: OpenNow = NOTHING_KNOWN) -> LiveRow:
    """The queue as the table and its page show it; `consuming` lists its known consumers. `opened`: the findings that are open."""
    level = opened.level("queue", queue.pk, broker.pk, queue_levels.queue_level(queue, broker, now))
    stale = bool(levels.unavailable(broker, now) or levels.unread(broker, parts.QUEUES, now))
    missing = "unknown" if queue.past_at is None else NOT_RECORDED
    return LiveRow(
        key=f"queue-{queue.pk}",
        text={
            "depth": formatting.number(queue.depth),
            "ready": formatting.number(queue.ready),
            "unacknowledged": formatting.number(queue.unacknowledged),
            "in": in_text(queue),
            "out": formatting.rate(queue.deliver_per_second),
            "ack": formatting.rate(queue.ack_per_second),
            "redelivered": formatting.rate(queue.redeliver_per_second),
            "consumers": consumers_text(queue, broker, now),
            "memory": formatting.data_size(queue.memory_bytes),
            "message_bytes": formatting.data_size(queue.message_bytes),
            "peak": formatting.number(peak(queue)),
            "state": queue.state or missing,
            "node": queue.node or missing,
            "outlook": "" if stale else trend(queue),
            "level": level.name,
            "reason": _reason(level),
            "nobody_since": _no_consumer_since(queue, level, now),
        },
        mark={"level": level.word, "stale": "yes" if stale else "no"},
        number={
            "depth": queue.depth,
            "ready": queue.ready,
            "unacknowledged": queue.unacknowledged,
            **bar(queue),
            "consumers": queue.consumers,
            "publish_per_second": queue.publish_per_second,
            "deliver_per_second": queue.deliver_per_second,
            "ack_per_second": queue.ack_per_second,
            "redeliver_per_second": queue.redeliver_per_second,
            "memory_bytes": queue.memory_bytes,
        },
        html={
            "level": level_html(level),
            "consumers": _consumers_html(
                queue.consumers, consumers_text(queue, broker, now), _since(queue, now), level.is_trouble, consumer_names(consuming), queue.past_at is None
            ),
        },
        fixed={
            "queue": queue,
            "name": queue.name,
            "type": queue.type or UNKNOWN_TYPE,
            "vhost": queue.vhost,
            "broker": broker,
            "level": level,
            "stale": stale,
            "as_of": formatting.moment_text(levels.read_at(broker, parts.QUEUES), now),
            "url": reverse("queue", args=[queue.pk]),
        },
    )


class ConsumerName(NamedTuple):
    """One of a queue's consumers: the worker's hostname, or else the client's host. `celery`: it is a Celery worker."""

    name: str
    worker_id: int | None
    celery: bool = False


def consumer_names(consuming: Iterable[Consuming]) -> tuple[ConsumerName, ...]:
    """Each distinct consumer, in order."""
    return tuple(dict.fromkeys(ConsumerName(one.hostname or _host(one), one.worker_id, one.celery) for one in consuming))


def _host(one: Consuming) -> str:
    """The client's host. Some brokers list consumers, of AMQP 1.0 or inside the broker, about whose client nothing is known."""
    return one.consumer.peer_host or ("unknown host" if one.consumer.channel_name or one.celery else UNKNOWN_CLIENT)


def bar_full(queue: Queue) -> int | None:
    """The depth that fills the bar: the queue's 24 h peak. None if unknown, and for a stream, whose depth is not a backlog."""
    return None if queue.type == "stream" or queue.depth is None or queue.past_at is not None else peak(queue)


def peak(queue: Queue) -> int | None:
    """The highest depth of the last 24 h, which is stored with the snapshots only: what is there now counts too. None if none is known."""
    if queue.past_at is not None:
        return None
    return max((depth for depth in (queue.highest_depth, queue.depth) if depth is not None), default=None)


def in_text(queue: Queue) -> str:
    """What comes in a second; estimated from the depth where nothing is published: RabbitMQ does not count dead letters."""
    if not queue.publish_per_second and (queue.growth_per_second or 0) > 0:
        return f"~{formatting.slow_rate((queue.growth_per_second or 0) + (queue_levels.leaving_per_second(queue) or 0))}"
    return formatting.rate(queue.publish_per_second)


BAR_WIDTH = 96


def bar(queue: Queue) -> dict[str, float | None]:
    """The widths in px (of 96) of what is ready, and of that with what is unacknowledged; a part that is not empty is at least 1 px wide. None: no bar."""
    full = bar_full(queue)
    if full is None:
        return {"bar_ready": None, "bar_all": None}
    ready, unacknowledged = (max(1.0, BAR_WIDTH * count / (full or 1)) if count else 0.0 for count in (queue.ready, queue.unacknowledged))
    return {"bar_ready": round(ready, 1), "bar_all": round(ready + unacknowledged, 1)}


def trend(queue: Queue) -> str:
    """What the current rates lead to within a day: "full in ~26 min", "empty in ~3 min", "+0.7/s"; "" if depth is steady or unknown."""
    growth = queue_levels.growth_per_second(queue)
    if growth is None or queue.depth is None or queue.type == "stream":
        return ""
    unconsumed = queue.consumers == 0  # its level says that it grows, however slowly
    noise = SLOWEST if unconsumed and growth > 0 else max(0.1, 0.05 * (queue.publish_per_second or 0))
    if growth >= noise:
        full_in = queue_levels.time_to_limit(queue)
        if full_in is not None and full_in <= SOON:
            return f"full in ~{formatting.duration(full_in)}" if full_in else "full"
        return f"+{formatting.slow_rate(growth)}/s" if unconsumed or queue.depth >= queue_levels.WORTH_A_LOOK_DEPTH else ""
    if growth <= -noise and queue.depth >= queue_levels.WORTH_A_LOOK_DEPTH:
        empty_in = timedelta(seconds=queue.depth / -growth)
        return f"empty in ~{formatting.duration(empty_in)}" if WORTH_SAYING <= empty_in <= SOON else ""
    return ""


def _reason(level: levels.Level) -> str:
    return f"unknown, because {level.reason}" if level.word == "unknown" else level.reason


def _no_consumer_since(queue: Queue, level: levels.Level, now: datetime) -> str:
    """Text after the reason in the head of the queue's page; "" while consumed or unknown."""
    if queue.nobody_consumes_since is None or level.word == "unknown" or is_delay_level(queue.name):
        return ""
    since = no_consumer_since_text(queue, now)
    return f"· {since}" if "nobody" in level.reason or "no consumer" in level.reason else f"· no consumer {since}"


def consumers_text(queue: Queue, broker: Broker, now: datetime) -> str:
    """How many consumers it has; "0 at 03:02:12" where messages came after they were counted, and nothing shows that one came too."""
    if queue.consumers is None and queue.nobody_consumes_since is not None and broker.consumers_at is not None:
        return f"0 at {formatting.moment_text(broker.consumers_at, now)}"
    return formatting.number(queue.consumers)


def no_consumer_since_text(queue: Queue, now: datetime) -> str:
    """Text such as "since 03:02:12", with " or earlier" if it had no consumer at our first poll or after a gap; "" while consumed or unknown."""
    if queue.nobody_consumes_since is None:
        return ""
    or_earlier = "" if queue.nobody_since_at_least is False else " or earlier"
    return f"since {formatting.moment_text(queue.nobody_consumes_since, now)}{or_earlier}"


def _since(queue: Queue, now: datetime) -> str:
    """The same to the minute, for a narrow column: "03:02", "at least 03:02"."""
    since = queue.nobody_consumes_since
    if since is None or is_delay_level(queue.name):
        return ""
    at_least = "" if queue.nobody_since_at_least is False else "at least "
    return at_least + (f"{since:%H:%M}" if since.date() == now.date() else f"{since.day} {since:%b %H:%M}")


@lru_cache(maxsize=4096)
def level_html(level: levels.Level) -> str:
    """The level's shape and name, and the reason where it is unknown."""
    return render_to_string("queues/_level.html", {"level": level}).strip()


@lru_cache(maxsize=4096)
def _consumers_html(count: int | None, count_text: str, nobody_since: str, trouble: bool, names: tuple[ConsumerName, ...], recorded: bool = True) -> str:
    """The consumers cell: the count and the first name. Cached, since most queues share its text."""
    first, worker_id, celery = names[0] if names else ConsumerName("", None)
    return render_to_string(
        "queues/_consumers_cell.html",
        {
            "count": count,
            "count_text": count_text,
            "is_unknown": count_text == formatting.UNKNOWN,
            "nobody_since": nobody_since,
            "trouble": trouble,
            "first": first,
            "celery": celery,
            "worker_url": reverse("worker", args=[worker_id]) if worker_id is not None else "",
            "is_known": first != UNKNOWN_CLIENT,
            "recorded": recorded,
            "more": len(names) - 1,
            "all": ", ".join(one.name for one in names),
        },
    ).strip()
