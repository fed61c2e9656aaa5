"""Verdicts on the bindings of one exchange: matches, near misses, and the others counted by reason.

Pure. Chooses the rules by the exchange's type; the indexes they need are built once and kept with the exchange.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from brokers.routing.bindings import Bound, Question, TopicIndex
from brokers.routing.route import KNOWN, ONE_OF, Hop
from brokers.routing.trie import words
from brokers.routing.verdicts.direct_verdicts import NearKeys, direct
from brokers.routing.verdicts.headers_verdicts import headers_verdict
from brokers.routing.verdicts.near_topics import NearIndex
from brokers.routing.verdicts.topic_verdicts import counted, reason, topic_verdict_text
from brokers.routing.verdicts.verdict import Verdict
from brokers.routing.virtual_host import Exchange, VirtualHostRouter

MOST_NEAR = 20
MOST_KEYS = 20
"""Near misses and counts are computed for at most so many keys."""


class ExchangeVerdicts(msgspec.Struct):
    """`listed`: matched bindings, then near misses, nearest first. `others`: counts by reason. `rest`: the verdicts on the others, if requested."""

    listed: list[tuple[Bound, Verdict]]
    others: Counter[str]
    rest: list[tuple[Bound, Verdict]] | None = None


def exchange_verdicts(router: VirtualHostRouter, hop: Hop, question: Question, every: bool = False) -> ExchangeVerdicts:
    """The verdicts on one hop's exchange."""
    if hop.exchange == "":
        return _default_exchange(router, question, every)
    exchange = router.exchanges[hop.exchange]
    if exchange.rules == "topic":
        return _topic(exchange, hop, question, every)
    if exchange.rules == "direct":
        numbers = _near_keys(exchange, question, hop.matched)
        return _direct(exchange, hop, question.keys, numbers, every)
    if exchange.rules == "headers":
        return _headers(exchange, question, router.version, every)
    return _by_rule(exchange, hop)


def _topic(exchange: Exchange, hop: Hop, question: Question, every: bool) -> ExchangeVerdicts:
    index = exchange.index
    assert isinstance(index, TopicIndex)  # noqa: S101  (see index_for)
    near = exchange.made.get("near")
    if near is None:
        near = exchange.made["near"] = NearIndex([binding.routing_key for binding in exchange.bindings])
    keys = question.keys[:MOST_KEYS]
    by_number = {number: key for key in reversed(keys) for number in near.near(key, MOST_NEAR, hop.matched)}
    order = [number for key in keys for number in near.near(key, MOST_NEAR, hop.matched)] if len(keys) > 1 else list(by_number)
    shown = list(dict.fromkeys(order))[:MOST_NEAR]
    bindings = exchange.bindings
    listed = [(bindings[number], Verdict(True, False, _matched_topic(bindings[number], question.keys))) for number in sorted(hop.matched)]
    listed += [(bindings[number], Verdict(False, True, topic_verdict_text(bindings[number].routing_key, by_number[number]))) for number in shown]
    others = counted(index.root, keys[0], (binding.routing_key for binding, _ in listed))
    if not every:
        return ExchangeVerdicts(listed, others)
    rest = [binding for number, binding in enumerate(exchange.bindings) if number not in hop.matched and number not in by_number]
    return ExchangeVerdicts(listed, others, [(binding, Verdict(False, False, topic_verdict_text(binding.routing_key, keys[0]))) for binding in rest])


def _matched_topic(binding: Bound, keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return topic_verdict_text(binding.routing_key, keys[0])
    sentences = [topic_verdict_text(binding.routing_key, key) for key in keys[:MOST_KEYS] if _fits(binding.routing_key, key)]
    return sentences[0] if sentences else "one of the keys matches"


def _fits(pattern: str, key: str) -> bool:
    root_words = words(pattern)
    if "#" not in root_words:
        return reason(root_words, words(key)) == "matched"
    return bool(TopicIndex([Bound("", "", "queue", pattern)]).matching(Question([key], {}, {})))


def _near_keys(exchange: Exchange, question: Question, matched: frozenset[int]) -> list[int]:
    index = exchange.made.get("near")
    if index is None:
        index = exchange.made["near"] = NearKeys([binding.routing_key for binding in exchange.bindings])
    return list(dict.fromkeys(number for key in question.keys[:MOST_KEYS] for number in index.near(key, MOST_NEAR, matched)))[:MOST_NEAR]


def _direct(exchange: Exchange, hop: Hop, keys: Sequence[str], near: list[int], every: bool) -> ExchangeVerdicts:
    listed = [(exchange.bindings[number], direct(exchange.bindings[number].routing_key, keys)) for number in sorted(hop.matched)]
    listed += [(exchange.bindings[number], direct(exchange.bindings[number].routing_key, keys, near=True)) for number in near]
    others = +Counter({"requires another key": len(exchange.bindings) - len(listed)})
    if not every:
        return ExchangeVerdicts(listed, others)
    apart = hop.matched | set(near)
    rest = [(binding, direct(binding.routing_key, keys)) for number, binding in enumerate(exchange.bindings) if number not in apart]
    return ExchangeVerdicts(listed, others, rest)


def _default_exchange(router: VirtualHostRouter, question: Question, every: bool) -> ExchangeVerdicts:
    """The default exchange has an implicit binding to each queue, by its name."""
    if "near" not in router.made:
        router.made["names"] = list(router.queues)
        router.made["near"] = NearKeys(router.made["names"])
    names: list[str] = router.made["names"]
    index: NearKeys = router.made["near"]
    matched = sorted({key for key in question.keys if key in router.queues})
    near = list(dict.fromkeys(names[number] for key in question.keys[:MOST_KEYS] for number in index.near(key, MOST_NEAR, frozenset())))
    near = [name for name in near if name not in matched][:MOST_NEAR]
    listed = [(_implicit(name), direct(name, question.keys, what="queue")) for name in matched]
    listed += [(_implicit(name), direct(name, question.keys, near=True, what="queue")) for name in near]
    others = +Counter({"the queue has another name": len(names) - len(listed)})
    if not every:
        return ExchangeVerdicts(listed, others)
    apart = {*matched, *near}
    return ExchangeVerdicts(listed, others, [(_implicit(name), direct(name, question.keys, what="queue")) for name in names if name not in apart])


def _implicit(queue: str) -> Bound:
    return Bound("", queue, "queue", queue)


def _headers(exchange: Exchange, question: Question, version: tuple[int, ...], every: bool) -> ExchangeVerdicts:
    found = [(binding, headers_verdict(binding, question.headers, version)) for binding in exchange.bindings]
    matched = [pair for pair in found if pair[1].matched]
    near = sorted((pair for pair in found if pair[1].near), key=lambda pair: "RabbitMQ never converts" not in pair[1].why)
    rest = near[MOST_NEAR:] + [pair for pair in found if not pair[1].matched and not pair[1].near]
    return ExchangeVerdicts(matched + near[:MOST_NEAR], Counter(verdict.group for _, verdict in rest), rest if every else None)


def _by_rule(exchange: Exchange, hop: Hop) -> ExchangeVerdicts:
    """Types whose rule is the same for every binding."""
    if exchange.rules in KNOWN:
        why = "a fanout exchange sends to every binding, whatever the key"
        if exchange.rules == "x-recent-history":
            why = "it sends to every binding, and replays its latest messages to queues that are bound later"
        return ExchangeVerdicts([(binding, Verdict(True, False, why)) for binding in exchange.bindings], Counter())
    if exchange.rules not in ONE_OF:
        why = f"unknown: the rules of type {exchange.rules} are not known here"
        listed = [(binding, Verdict(False, False, why)) for binding in exchange.bindings[:MOST_NEAR]]
        return ExchangeVerdicts(listed, +Counter({why: len(exchange.bindings) - len(listed)}))
    count = len(exchange.bindings)
    return ExchangeVerdicts([(binding, Verdict(True, False, _picked(exchange, binding, count))) for binding in exchange.bindings], Counter())


def _picked(exchange: Exchange, binding: Bound, count: int) -> str:
    if count == 1:
        return "the only binding, so it is always picked"
    if exchange.rules == "x-random":
        return f"one of {count} that the exchange picks from by chance"
    if exchange.rules == "x-local-random":
        return f"one of {count} that the exchange picks from by chance, among queues on the publisher's node"
    header, named = exchange.arguments.get("hash-header"), exchange.arguments.get("hash-property")
    hashed = f"header {header}" if header else f"property {named}" if named else "the routing key"
    weight = f", weight {binding.routing_key}" if exchange.rules == "x-consistent-hash" else ""
    return f"one of {count} that the exchange picks from by the hash of {hashed}{weight}; the same for equal values while its bindings stay"
