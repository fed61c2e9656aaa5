"""The list of people, one person, and the form that grants a role in a place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from brokers import queries as brokers
from brokers.scope import EVERYTHING, Place, Scope
from dashboard import queries
from dashboard.layout import formatting
from dashboard.models import Granted, Invitation, User
from dashboard.people import places

MOST_LISTED = 200


class PersonRow:
    """One person with what is shown of them; `user` comes from `queries.people_page`."""

    def __init__(self, user: User, now: datetime) -> None:
        self.user, self.now = user, now

    @cached_property
    def roles(self) -> list[GrantedRow]:
        return [GrantedRow(granted) for granted in self.user.granted.all()]

    @property
    def invitation(self) -> Invitation | None:
        found = getattr(self.user, "invitation", None)
        return found if found is not None and found.expires_at > self.now else None

    @property
    def state(self) -> str:
        if not self.user.is_active:
            return "disabled"
        if self.user.has_usable_password() or self._seen:
            return "active"
        return "invited" if self.invitation else "invitation expired"

    @property
    def level(self) -> str:
        return {"active": "ok", "invited": "notice"}.get(self.state, "unknown")

    @property
    def _seen(self) -> datetime | None:
        return max(filter(None, (self.user.last_login, getattr(self.user, "last_visit", None))), default=None)

    @property
    def seen_text(self) -> str:
        return "never" if self._seen is None else f"{formatting.age(self._seen, self.now)} ago"


class GrantedRow:
    """A role that somebody has in a place."""

    def __init__(self, granted: Granted) -> None:
        self.granted = granted
        self.role = granted.role.group.name
        self.place = places.place_text(granted.broker, granted.vhost, granted.queue)

    @property
    def source(self) -> str:
        """The provider whose groups gave it, which only the provider takes back; "" for one that a person gave."""
        return self.granted.source


class PlaceForm:
    """Fields of a place, with how much it covers of what `scope` lets the person view. `given` is what was posted."""

    def __init__(self, given: Mapping[str, str], scope: Scope = EVERYTHING) -> None:
        self.patterns, self.problems = places.entered(given)
        self.scope = scope

    @property
    def fields(self) -> list[tuple[str, str, str, str]]:
        """(name, label, value, what is wrong)."""
        return [(name, label, self.patterns[name], self.problems.get(name, "")) for name, (label, _) in places.FIELDS.items()]

    @property
    def coverage(self) -> str:
        if self.problems:
            return ""
        place = places.place_of(self.patterns)
        viewed = (Place(),) if self.scope.places is None else self.scope.places
        return places.coverage_text(*brokers.covered_queues(Scope(tuple(place.within(one) for one in viewed))))

    @property
    def brokers(self) -> list[str]:
        return [broker.name for broker in brokers.brokers(self.scope)]


class RoleForm(PlaceForm):
    """A role and where. `name` is that of a new person where the form adds one."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.roles = queries.role_names()
        self.role = given.get("role", "viewer")
        self.name = given.get("name", "").strip()
        if self.role not in self.roles:
            self.problems["role"] = "There is no such role."
