"""What the lists of a broker's objects (queues, exchanges, connections) share: the brokers they show, predefined filters, topics, and what can't be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

import msgspec

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import filter_language, visibility
from dashboard.layout.addresses import ListAddress
from dashboard.layout.filter_language import Filter, Qualifier, Term
from dashboard.layout.lists import Filtered, RestrictiveTerm, most_restrictive
from dashboard.layout.virtual_hosts import followed_while_empty
from dashboard.live import topics


class View(msgspec.Struct, frozen=True):
    """A predefined filter with the number of objects that match it now; None while no broker has ever answered."""

    label: str
    address: str
    count: int | None
    current: bool
    level: str = ""


class InVirtualHost(Protocol):
    broker_id: int
    vhost: str


class ObjectList(Filtered):
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    qualifiers: ClassVar[Mapping[str, Qualifier]]
    parts: ClassVar[Collection[str]]  # of a poll, that the list shows
    not_recorded: ClassVar[Collection[str]] = ()  # qualifiers, and their values, by which the past can't be filtered

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.address, self.now = scope, address, now
        self.brokers = [broker] if broker else list(brokers)
        self.broker, self.vhost = broker, vhost
        self.at = next((one.past_at for one in self.brokers if one.past_at is not None), None)
        self.filter = self.parsed(address.filter_text)

    def parsed(self, text: str) -> Filter:
        """The filter of a text; at a past moment a term about what is not recorded has that as its problem."""
        found = filter_language.parse(text, self.qualifiers)
        return found if self.at is None else Filter(tuple(_of_the_past(term, self.not_recorded) for term in found.terms))

    def count(self, wanted: Filter) -> int:
        """How many objects match a filter."""
        raise NotImplementedError

    def counts(self, wanted: Sequence[Filter]) -> list[int]:
        """How many objects match each of these filters."""
        return [self.count(one) for one in wanted]

    def predefined(self, filters: Sequence[tuple[str, str]], levels: Mapping[str, str]) -> list[View]:
        """The views of [(label, filter)]; each keeps the other terms of the current filter that can be applied. `levels`: of a filter that has matches."""
        known, found, rest = not self.unavailable(), [], self._rest(filters)
        answered = any(broker.polled_at for broker in self.brokers)
        wholes = self.view_filters(filters)
        for (label, text), whole, count in zip(filters, wholes, self.counts(wholes), strict=True):
            current = any(term.text == text for term in self.filter.terms) if text else rest == self.filter.text
            shown = count if answered else None
            found.append(View(label, self.address.with_(q=whole.text), shown, current, levels.get(text, "") if count and known else ""))
        return found

    def view_filters(self, filters: Sequence[tuple[str, str]]) -> list[Filter]:
        """What the views of [(label, filter)] show: each with the other terms of the current filter that can be applied."""
        rest = self._rest(filters)
        return [self.parsed(f"{rest} {text}".strip()) for _, text in filters]

    def _rest(self, filters: Sequence[tuple[str, str]]) -> str:
        texts = {text for _, text in filters if text}
        return self.filter.without(*(term for term in self.filter.terms if term.text in texts or term.problem))

    def most_restrictive_term(self) -> RestrictiveTerm | None:
        """The term whose removal of the first 15 shows the most objects; None if removing a single one shows none."""
        tried = []
        for term in self.filter.tried:
            rest = self.filter.without(term)
            tried.append(RestrictiveTerm(term, self.count(self.parsed(rest)), self.address.with_(q=rest)))
        return most_restrictive(tried)

    def live_topics(self, objects: Iterable[InVirtualHost], *kinds: str) -> list[str]:
        """Live topics of the page: its brokers, and the virtual hosts of its objects (of all, while it shows none)."""
        places = {(one.broker_id, one.vhost) for one in objects} or followed_while_empty(self.scope, self.brokers)
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(kind, *place).name for place in sorted(places) for kind in kinds]

    def unavailable(self) -> list[dict[str, Any]]:
        return visibility.unavailable(self.brokers, self.now)

    def limits(self) -> list[dict[str, Any]]:
        return visibility.limits(self.brokers, self.vhost)

    @property
    def old_parts(self) -> list[dict[str, str]]:
        """The data of this list that cannot be read now, each with its age."""
        return visibility.old_parts(self.brokers, self.now, self.parts)


def _of_the_past(term: Term, not_recorded: Collection[str]) -> Term:
    if term.problem or term.qualifier is None:
        return term
    name, value = term.qualifier.name, term.value.lower()
    if not {name, f"{name}:*"} & set(not_recorded) or (f"{name}:*" in not_recorded and value == "none"):
        return term
    return msgspec.structs.replace(term, problem="It is not recorded over time, so a past moment can’t be filtered by it.")
