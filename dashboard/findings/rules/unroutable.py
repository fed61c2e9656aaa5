"""Published messages reach no queue, or a full queue drops or refuses them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from brokers.models import Queue
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.losses import OF_THE_LOSS
from dashboard.findings.queue_context import SilentExchange
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels
from workers.celery_names import CeleryNames

KEY = "unroutable"
NAME = "Messages unroutable or dropped"
ABOUT = "Messages that match no binding and reach no queue, or that a queue at its length limit drops or refuses."
NEEDS = ("broker",)
THRESHOLDS = (Threshold("rate", "Unroutable messages from which it counts", 0.005, "/s"),)
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(minutes=2)  # a message now and then is one finding

EXPLAINED_BY = ("unconsumed_route", "no_consumer", "stuck")
CHANCE = 0.1
DEFAULT_EXCHANGE = "the default exchange"
IN_PLACE_OF_NO_NAME = "(default)"


UNATTRIBUTED_POLLS = 4
"""The numbers of exchanges are read later than those of the broker: in so many polls it must have lost messages while no exchange did."""
STARTING = timedelta(seconds=60)
"""Until the receiver's queue is there, the events of workers are unroutable."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    rate = facts.context.unroutable_per_second
    if facts.its_broker.unroutable_per_second is None:
        yield from _unknown(facts)
    elif rate:
        yield from _unroutable(rate, facts, thresholds)
    causes = queues.found_by(facts, *EXPLAINED_BY)
    for queue in facts.queues:
        lost = dropped_per_second(queue)
        if lost > 0 and not thresholds.is_off(KEY, queue.vhost, queue.name):
            cause = causes.get(("queue", queue.vhost, queue.name))
            yield _dropped(queue, lost, facts, queues.identity_of(facts, cause) if cause else "")


def _unknown(facts: Facts) -> Iterable[Report]:
    for one in facts.open_objects.get(KEY, ()):
        if one.kind != "queue":
            yield Unsure("how many messages are unroutable is unknown", vhost=one.vhost, kind=one.kind, name=one.name)


def _unroutable(rate: float, facts: Facts, thresholds: Thresholds) -> Iterable[Found]:
    """One finding an exchange that does not pass everything on; one about the broker where none is known and it lasts. That nobody takes Celery's events and
    remote control is nothing: who needs them binds a queue."""
    silent = facts.context.silent_exchanges
    celery = _celery(facts)
    ours = [one for one in silent if (one.vhost, one.name) not in celery and _counts(rate, thresholds, one.vhost, one.name or IN_PLACE_OF_NO_NAME)]
    named = [_at_exchange(exchange, rate, facts) for exchange in ours]
    yield from named
    rate -= min(rate, max(0.0, sum(one.lost for one in facts.context.flows if (one.vhost, one.name) in celery)))
    of_broker = rate >= OF_THE_LOSS * (facts.context.unroutable_per_second or 0.0) and _counts(rate, thresholds, "", facts.its_broker.name)
    if named and of_broker and any(one.kind == "broker" for one in facts.open_objects.get(KEY, ())):  # it was found before the exchange was known
        yield msgspec.structs.replace(_at_broker(rate, facts), under=queues.identity_of(facts, named[0]))
    opened = {one.kind for one in facts.open_objects.get(KEY, ())}
    just_known = "exchange" in opened and "broker" not in opened  # what is left of its loss is not another one
    if not silent and not just_known and of_broker and facts.context.unroutable_polls >= UNATTRIBUTED_POLLS and not _is_starting(facts):
        yield _at_broker(rate, facts)


def _counts(rate: float, thresholds: Thresholds, vhost: str, name: str) -> bool:
    """Whether so many messages count at this exchange or broker."""
    return rate >= thresholds.of(KEY, "rate", vhost, name) and not thresholds.is_off(KEY, vhost, name)


def _celery(facts: Facts) -> set[tuple[str, str]]:
    """(virtual host, name) of the exchanges of Celery's events and remote control, by its own names and by those that its applications gave them."""
    found = set()
    vhosts = {one.vhost for one in facts.context.flows} | {one.vhost for one in facts.context.silent_exchanges}
    applications = [(vhost, CeleryNames()) for vhost in vhosts]
    applications += [(source.vhost, msgspec.convert(source.names, CeleryNames)) for source in facts.sources if source.names]
    for vhost, names in applications:
        found |= {(vhost, name) for name in names.machinery}
    return found


def _is_starting(facts: Facts) -> bool:
    begun = [facts.its_broker.since, *(source.since for source in facts.sources)]
    return any(since is not None and facts.now - since < STARTING for since in begun)


def _at_exchange(exchange: SilentExchange, rate: float, facts: Facts) -> Found:
    broker = facts.its_broker
    name = exchange.name or DEFAULT_EXCHANGE
    passes = exchange.out_per_second
    evidence = [
        Evidence("Published", f"{formatting.slow_rate(exchange.in_per_second)}/s", broker.polled_at),
        Evidence("Passed on", f"{formatting.slow_rate(passes)}/s", broker.polled_at),
        Evidence("Unroutable, all exchanges", f"{formatting.slow_rate(rate)}/s", broker.polled_at, "dropped or returned"),
    ]
    if exchange.keys:
        evidence.append(Evidence("Routing keys", formatting.listed(exchange.keys, 5), source="events of senders of tasks"))
    if exchange.tasks:
        evidence.append(Evidence("Tasks", formatting.listed(exchange.tasks, 5), source="events of their senders"))
    missing = f"No binding of {name} matches {_keys(exchange)}."
    if not exchange.name:
        missing = (
            f"There is no queue of the name {formatting.listed(exchange.keys)}." if exchange.keys else "There is no queue with the name that they were sent to."
        )
    return Found(
        KEY,
        Object("exchange", exchange.name or IN_PLACE_OF_NO_NAME, exchange.vhost, exchange.pk),
        "notice",
        f"passes {'no' if not passes else 'not every'} message on",
        title=f"{name[:1].upper() + name[1:] if not exchange.name else name} passes {'no' if not passes else 'not every'} message on",
        summary=f"In {formatting.slow_rate(exchange.in_per_second)}/s, out {formatting.slow_rate(passes)}/s. They match no binding and reach no queue.",
        meaning="These messages are lost, unless their publishers are notified of them (mandatory) and send them again.",
        evidence=evidence,
        causes=[Cause(missing, "published, but not passed on"), Cause("A publisher uses a wrong exchange or routing key.")],
        to_do=["Add the binding that is missing, or correct the publisher. An alternate exchange keeps what matches nothing."],
        links=[Link(f"Open {name}", "exchange", exchange.pk)],
        clears="when no message was unroutable for 2 min",
    )


def _keys(exchange: SilentExchange) -> str:
    return f"the routing key {exchange.keys[0]}" if len(exchange.keys) == 1 else "these routing keys" if exchange.keys else "their routing keys"


def _at_broker(rate: float, facts: Facts) -> Found:
    broker = facts.its_broker
    return Found(
        KEY,
        Object("broker", broker.name, pk=broker.pk),
        "notice",
        "has messages that reach no queue",
        summary=f"{formatting.slow_rate(rate)} unroutable messages/s: published, but no binding matched.",
        meaning="These messages are lost, unless their publishers are notified of them (mandatory) and send them again.",
        evidence=[Evidence("Unroutable", f"{formatting.slow_rate(rate)}/s", broker.polled_at, "dropped or returned")],
        causes=[
            Cause("A publisher uses a wrong exchange or routing key, or a binding is missing.", "which exchange is not known: RabbitMQ counts them per channel")
        ],
        to_do=["Compare what goes in with what goes out on the page of exchanges."],
        links=[Link("Show exchanges", "exchanges")],
        clears="when no message was unroutable for 2 min",
    )


def dropped_per_second(queue: Queue) -> float:
    """How many messages a full queue without dead-lettering drops: what is published and neither stays nor leaves. 0.0 where it does not, or it is unknown."""
    if not queue.publish_per_second or not queue_levels.is_at_limit(queue):
        return 0.0
    if isinstance(queues.settings(queue).get("dead-letter-exchange"), str) or queue_levels.smaller(queue, "message-ttl") is not None:
        return 0.0
    lost = queue.publish_per_second - (queue_levels.leaving_per_second(queue) or 0.0) - max(0.0, queue.growth_per_second or 0.0)
    return lost if lost > CHANCE * queue.publish_per_second else 0.0


def _dropped(queue: Queue, lost: float, facts: Facts, under: str) -> Found:
    limit = queue_levels.length_limit(queue)
    refuses = str(queues.settings(queue).get("overflow", "drop-head")).startswith("reject")
    verb = "refuses" if refuses else "drops"
    return Found(
        KEY,
        queues.object_of(queue),
        "warning",
        f"is full and {verb} messages",
        summary=f"It holds {formatting.number(queue.ready)} ready messages, its length limit is {formatting.number(limit)}. {queues.waiting_text(queue)}",
        meaning="Publishers with confirms are refused; those without lose their messages."
        if refuses
        else "Its oldest messages are lost: it has no dead-letter exchange.",
        evidence=[
            Evidence(
                "Refused" if refuses else "Dropped", f"~{formatting.slow_rate(lost)}/s", facts.its_broker.polled_at, "published, and neither kept nor taken"
            ),
            *queues.numbers(queue, facts.its_broker, facts.now),
        ],
        causes=[
            Cause(
                "More is published than its consumers take.",
                f"published {formatting.rate(queue.publish_per_second)}/s, {formatting.count(queue.consumers, 'consumer')}",
            )
        ],
        to_do=["Add consumers, slow down what publishes to it, or raise the limit."],
        links=[queues.link_to(queue)],
        clears="when it is below its limit for 2 min",
        under=under,
    )
