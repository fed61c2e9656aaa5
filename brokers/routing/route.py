"""Where a message goes inside one virtual host: refusals in RabbitMQ's order, then exchange by exchange.

Pure. Returns the outcome and the exchanges it passed; sentences are made in `verdicts`, `text` and `explanation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from brokers.routing.bindings import Question
from brokers.routing.permissions import permission_refusal, topic_refusal
from brokers.routing.refusals import Message, Refusal, all_keys, exchange_refusal, message_refusal
from brokers.routing.trie import TooCostly
from brokers.routing.virtual_host import DELAYED, Exchange, VirtualHostRouter

KNOWN = frozenset({"direct", "fanout", "topic", "headers", "x-recent-history"})
ONE_OF = frozenset({"x-consistent-hash", "x-random", "x-local-random", "x-modulus-hash"})
LOCAL = "x-local-random"
UNVERIFIED_TYPES = {
    LOCAL: "{} picks only among queues on the publisher's node, which is not known here",
    "x-modulus-hash": "{} is of type x-modulus-hash, whose rules were not verified against a broker",
}
DELAYED_ALTERNATE = "{} delays messages and has an alternate exchange; whether that receives them at once was not verified against a broker"
MOST_RESULTS = 1000


class Hop(msgspec.Struct):
    """One exchange on the path. `matched`: numbers of its bindings; all of them if the broker picks one. `rules`: the type by whose rules it routes.
    `perhaps`: it is on the path only if an exchange whose rules are not known leads there."""

    exchange: str
    type: str
    via: str  # publish, binding, alternate, dead-letter
    matched: frozenset[int]
    alternate: str | None = None  # set when nothing matched and the alternate took over
    rules: str = ""
    perhaps: bool = False


class Outcome(msgspec.Struct):
    """`results`: every possible set of queues, more than one if the broker picks. `uncertainties`: sentences; none means certain. `unknown`: exchanges on
    the path whose rules are not known, and `possible`: further queues that they may lead to, sorted."""

    refusal: Refusal | None
    results: list[list[str]]
    hops: list[Hop] = []
    uncertainties: list[str] = []
    unknown: list[str] = []
    possible: list[str] = []

    @property
    def queues(self) -> list[str]:
        """The queues of all results, sorted."""
        return sorted({queue for result in self.results for queue in result})

    @property
    def certain(self) -> bool:
        """Whether this is the only possible outcome."""
        return not self.uncertainties and len(self.results) == 1


def route(router: VirtualHostRouter, message: Message) -> Outcome:
    """The outcome of a published message.

    >>> route(VirtualHostRouter.from_definitions({"queues": [{"name": "mail"}]}), Message("", "mail")).queues
    ['mail']
    """
    refusal = refused(router, message)
    if refusal:
        return Outcome(refusal, [[]])
    return deliver(router, message.exchange, Question.of(all_keys(message), message.headers or {}, router.version))


def refused(router: VirtualHostRouter, message: Message) -> Refusal | None:
    """The first reason for which RabbitMQ would refuse the message, None if it would route it."""
    exchange = router.exchanges.get(message.exchange) if message.exchange else None
    refusal = permission_refusal(router, message)
    if not refusal and message.exchange:
        similar = () if exchange else similar_names(message.exchange, router)
        refusal = exchange_refusal(message.exchange, exchange.internal if exchange else None, similar)
    if not refusal and exchange is not None and exchange.type == "topic":
        refusal = topic_refusal(router, message)
    return refusal or message_refusal(message, router.version, router.contents.impersonators or ())


def similar_names(name: str, router: VirtualHostRouter) -> Sequence[str]:
    """Exchanges whose names differ only in case, spaces or punctuation; at most three."""
    return [found for found in router.exchanges if _folded(found) == _folded(name)][:3]


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def deliver(router: VirtualHostRouter, exchange: str, question: Question, via: str = "publish") -> Outcome:
    """Routing without refusals, as for dead letters: permissions are not checked, and a missing or internal exchange is no error."""
    if exchange == "":
        return Outcome(None, [sorted({key for key in question.keys if key in router.queues})], [Hop("", "direct", via, frozenset(), rules="direct")])
    if exchange not in router.exchanges:
        return Outcome(None, [[]])
    return _RoutingRun(router, question, via).outcome(exchange)


class _RoutingRun:
    """Routes one message; what each exchange matches is computed once, however many choices the broker has."""

    def __init__(self, router: VirtualHostRouter, question: Question, via: str) -> None:
        self.router, self.question, self.via = router, question, via
        self.uncertainties: list[str] = []
        self.known: dict[str, frozenset[int]] = {}

    def outcome(self, start: str) -> Outcome:
        union, hops, pickers = self._follow(start, None)
        if unknown := [hop.exchange for hop in hops if not knows(hop.rules)]:
            return self._with_unknown(start, unknown, union, hops)
        if not pickers:
            return Outcome(None, [sorted(union)], hops, self.uncertainties)
        results: set[tuple[str, ...]] = set()
        open_choices: list[dict[str, int]] = [{}]
        tries = 0
        while open_choices and tries < MOST_RESULTS:
            tries += 1
            choices = open_choices.pop()
            queues, _, undecided = self._follow(start, choices)
            if undecided:
                open_choices += [{**choices, undecided[0]: number} for number in self._different(undecided[0])]
            else:
                results.add(tuple(sorted(queues)))
        if any(hop.rules == LOCAL for hop in hops):
            results.add(())  # none of the queues may be on the publisher's node
        if open_choices:
            self._note_uncertainty("there are more possible results than are listed")
            results.add(tuple(sorted(union)))
        return Outcome(None, [list(result) for result in sorted(results)], hops, self.uncertainties)

    def _with_unknown(self, start: str, unknown: list[str], reached: set[str], hops: list[Hop]) -> Outcome:
        """What is reached in any case, and what would be reached too if every binding of the unknown exchanges matched."""
        uncertainties = list(self.uncertainties)
        possible, further, _ = self._follow(start, None, every=True)
        known = {hop.exchange for hop in hops}
        hops = hops + [msgspec.structs.replace(hop, perhaps=True) for hop in further if hop.exchange not in known]
        return Outcome(None, [sorted(reached)], hops, uncertainties, unknown, sorted(possible - reached))

    def _different(self, name: str) -> list[int]:
        """One binding for each destination, highest number first so that the lowest is tried first; at most as many as are tried."""
        bindings = self.router.exchanges[name].bindings
        found = {(binding.destination_type, binding.destination): number for number, binding in reversed(list(enumerate(bindings)))}
        return sorted(found.values(), reverse=True)[-MOST_RESULTS - 1 :]

    def _follow(self, start: str, choices: Mapping[str, int] | None, every: bool = False) -> tuple[set[str], list[Hop], list[str]]:
        """(queues, hops, exchanges whose pick is open). Without choices every pick is taken: the union of all results. `every`: all bindings of
        exchanges with unknown rules are followed."""
        router = self.router
        queues: set[str] = set()
        hops: list[Hop] = []
        open_picks: list[str] = []
        worklist, seen, place = [(start, self.via)], {start}, 0
        while place < len(worklist):
            name, via = worklist[place]
            place += 1
            exchange = router.exchanges[name]
            matched = self._matched(exchange)
            hop = Hop(name, exchange.type, via, matched, rules=exchange.rules)
            hops.append(hop)
            if exchange.rules in ONE_OF and matched and len(exchange.bindings) > 1:
                if choices is None or name not in choices:
                    open_picks.append(name)
                    if choices is not None:
                        return queues, hops, open_picks
                else:
                    matched = frozenset({choices[name]})
            followed = range(len(exchange.bindings)) if every and not knows(exchange.rules) else sorted(matched)
            targets = [(exchange.bindings[number].destination_type, exchange.bindings[number].destination, "binding") for number in followed]
            if exchange.type == DELAYED and router.alternate(name)[0]:
                self._note_uncertainty(DELAYED_ALTERNATE.format(name))
            if not targets and knows(exchange.rules):
                targets = self._alternate(hop)
            elif every and not knows(exchange.rules) and (alternate := router.alternate(name)[0]):
                targets.append(("exchange", alternate, "alternate"))
            for kind, target, how in targets:
                if kind == "queue" and target in router.queues:
                    queues.add(target)
                elif kind == "exchange" and target in router.exchanges and target not in seen:
                    seen.add(target)
                    worklist.append((target, how))
        return queues, hops, open_picks

    def _alternate(self, hop: Hop) -> list[tuple[str, str, str]]:
        hop.alternate, found = self.router.alternate(hop.exchange)
        for uncertainty in found.uncertainties:
            self._note_uncertainty(uncertainty)
        return [("exchange", hop.alternate, "alternate")] if hop.alternate else []

    def _matched(self, exchange: Exchange) -> frozenset[int]:
        if exchange.name not in self.known:
            self.known[exchange.name] = frozenset(self._evaluate(exchange))
        return self.known[exchange.name]

    def _evaluate(self, exchange: Exchange) -> set[int]:
        if exchange.rules in ONE_OF:
            if exchange.rules in UNVERIFIED_TYPES and exchange.bindings:
                self._note_uncertainty(UNVERIFIED_TYPES[exchange.rules].format(exchange.name))
            return set(range(len(exchange.bindings)))
        if not knows(exchange.rules):
            self._note_uncertainty(_unknown_rules(exchange))
            return set()
        for number in sorted(exchange.index.undecided(self.question))[:3]:
            binding = exchange.bindings[number]
            self._note_uncertainty(
                f"whether the binding from {exchange.name} to {binding.destination} matches depends on AMQP types that JSON and the management API "
                "don't show (number widths, timestamps, decimals or the order inside a table or list)"
            )
        try:
            return exchange.index.matching(self.question)
        except TooCostly:
            self._note_uncertainty(f"the patterns of {exchange.name} take too long to compare with this key")
            return set()

    def _note_uncertainty(self, sentence: str) -> None:
        if sentence not in self.uncertainties:
            self.uncertainties.append(sentence)


def knows(rules: str) -> bool:
    """Whether Hareline knows how an exchange of this type routes."""
    return rules in KNOWN or rules in ONE_OF


def _unknown_rules(exchange: Exchange) -> str:
    if exchange.type == DELAYED and exchange.rules in ("", DELAYED):
        return f"{exchange.name} is of type {DELAYED}, and its argument x-delayed-type, by which it routes, is missing or no type that can be delayed"
    by = f" and routes by the rules of type {exchange.rules}, which" if exchange.rules != exchange.type else ", whose rules"
    return f"{exchange.name} is of type {exchange.type}{by} Hareline does not know"
