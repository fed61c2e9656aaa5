"""Which router answers for a task, and what: celery/app/routes.py (prepare, MapRoute, Router.lookup_route), Celery 5.7. Pure.

What a function of the user's code answers is given (`answers`, from a dry run); one that was not run is opaque.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from workers.destinations.patterns import Matcher
from workers.destinations.queues import CeleryRaises
from workers.destinations.terms import Binding, Exchange, Hidden, Pattern, Queue, Router


class Raised(msgspec.Struct, frozen=True):
    """A router of the user's code raised this."""

    text: str


class Opaque(msgspec.Struct, frozen=True):
    """A router, or a pattern of one, whose answer could not be found out."""

    index: int
    name: str
    why: str


class Route(msgspec.Struct, frozen=True):
    """What was answered: options (or only a queue's name), by which entry of which router. `answer` None: no router had an opinion."""

    answer: Any
    index: int = 0
    entry: str = ""
    opaque: tuple[Opaque, ...] = ()


class RouteTable:
    """One table of routes, read as MapRoute does: exact names, then globs and patterns in their order."""

    def __init__(self, entries: Any) -> None:
        self.exact: dict[str, Any] = {}
        self.patterns: dict[str | Pattern, Any] = {}
        try:
            for key, value in entries.items() if isinstance(entries, Mapping) else entries:
                if isinstance(key, Pattern) or "*" in key:
                    self.patterns[key] = value
                else:
                    self.exact[key] = value
        except (ValueError, TypeError) as error:
            raise CeleryRaises(f"{type(error).__name__}: {error}") from None

    @property
    def names(self) -> list[str]:
        """The names and globs, in the order in which they are tried."""
        return [*self.exact, *(key for key in self.patterns if isinstance(key, str))]

    def find(self, name: str, matcher: Matcher) -> tuple[Any, str, list[str]]:
        """Options or None; the entry that matched; the patterns that took too long."""
        slow: list[str] = []
        if name in self.exact:
            return _options(self.exact[name]), name, slow
        for key, value in self.patterns.items():
            if isinstance(key, str):
                matched: bool | None = fnmatch.fnmatchcase(name, key)
            else:
                matched = matcher.matches(key.text, key.flags, name)
            if matched is None:
                slow.append(str(key.text if isinstance(key, Pattern) else key))
            elif matched:
                return _options(value), key if isinstance(key, str) else key.text, slow
        return None, "", slow


def _options(value: Any) -> dict[str, Any]:
    """As `dict(value)`, where text is a queue's name."""
    try:
        return dict(value)
    except ValueError:
        return {"queue": value}
    except TypeError:
        raise CeleryRaises(f"TypeError: '{type(value).__name__}' object is not iterable") from None


def prepare(routers: list[Any]) -> list[Any]:
    """The routers with their tables read. Raises CeleryRaises for a table that Celery can't read, such as a bare list of pairs."""
    return [RouteTable(router) if isinstance(router, Mapping | list) else router for router in routers]


def find_route(prepared: list[Any], name: str, answers: Mapping[int, Any], matcher: Matcher) -> Route:
    """The first answer that is not None, even an empty one. Raises CeleryRaises.

    >>> find_route(prepare([{"feed.*": "feeds"}]), "feed.import", {}, Matcher()).answer
    {'queue': 'feeds'}
    """
    opaque: list[Opaque] = []
    for index, router in enumerate(prepared):
        if isinstance(router, RouteTable):
            answer, entry, slow = router.find(name, matcher)
            opaque += [Opaque(index, pattern, "took longer than 50 ms and was given up") for pattern in slow]
        elif not isinstance(router, str | Router):
            raise CeleryRaises(_not_called(router))
        elif index in answers:
            answer, entry = answers[index], router_name(router)
            if isinstance(answer, Raised):
                raise CeleryRaises(answer.text)
        else:
            opaque.append(Opaque(index, router_name(router), "is code of the application, which is not run here"))
            continue
        if answer is not None:
            return Route(answer, index, entry, tuple(opaque))
    return Route(None, opaque=tuple(opaque))


def _not_called(router: Any) -> str:
    """The error of Celery that calls as a router what is none: kombu's queues and exchanges are callable, but not like that."""
    if isinstance(router, Queue | Exchange):
        return "TypeError: MaybeChannelBound.__call__() got an unexpected keyword argument 'task'"
    named = "re.Pattern" if isinstance(router, Pattern) else "binding" if isinstance(router, Binding) else type(router).__name__
    return f"TypeError: '{named}' object is not callable"


def with_hidden(route: Route, hidden: Iterable[Hidden], name: str, matcher: Matcher) -> Route:
    """The route, and the masked entries that may have answered in its place (or that hold more than is shown)."""
    found = list(route.opaque)
    for one in hidden:
        was_tried = route.answer is None or one.index <= route.index
        table = RouteTable([[one.entry, {}]])
        if was_tried and table.find(name, matcher)[0] is not None and (one.field is None or (one.index, _shown(one.entry)) == (route.index, route.entry)):
            what = "its answer" if one.field is None else f"its {one.field}"
            found.append(Opaque(one.index, f"the route {_shown(one.entry)!r}", f"hides {what} (Celery masks what looks like a secret)"))
    return msgspec.structs.replace(route, opaque=tuple(found))


def _shown(entry: str | Pattern) -> str:
    return entry if isinstance(entry, str) else entry.text


def router_name(router: Any) -> str:
    return router.name if isinstance(router, Router) else str(router)
