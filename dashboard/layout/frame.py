"""The frame of every page: navigation, the brokers and virtual hosts to switch between, the live badge, the account menu.

The database is not queried until the frame is drawn, so that fragments and error pages don't pay for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.http import Http404, HttpRequest
from django.utils import timezone

from brokers import queries
from brokers.errors import NotRecorded
from brokers.models import Broker
from dashboard.findings.open_now import OpenNow, open_now
from dashboard.layout import formatting, levels
from dashboard.layout.named_addresses import address_of
from dashboard.layout.past_frame import PastFrame
from dashboard.layout.past_requests import NOW, WITH_HISTORY, address_at
from dashboard.layout.virtual_hosts import virtual_hosts
from dashboard.people.access import may, rights_of, scope_of

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "hareline_theme"
_OF_FINDINGS = ("findings", "finding", "finding_act", "silence", "silences", "feeds", "rules", "rule", "targets", "target", "target_new")
_OF_TASKS = (
    "tasks", "task", "flow", "periodic", "failures", "failure", "task_revoke", "revocation", "task_again", "run_again_batch", "statistics", "statistics_name",
)  # fmt: skip
PAGES = (
    ("Overview", "overview", "layout-dashboard", ("overview", "node")),
    ("Map", "map", "sitemap", ("map", "arrangements", "lab", "lab_experiment")),
    ("Queues", "queues", "stack-2", ("queues", "queue", "peek")),
    ("Exchanges", "exchanges", "arrows-split", ("exchanges", "exchange")),
    ("Connections", "connections", "plug-connected", ("connections", "connection")),
    ("Workers", "workers", "cpu", ("workers", "worker", "worker_group", "worker_matrix", "capacity")),
    (
        "Tasks",
        "tasks",
        "checklist",
        _OF_TASKS,
    ),
    ("Routing", "routing", "route", ("routing",)),
    ("Send", "send", "send", ("send", "send_now")),
    ("History", "history", "history", ("history", "changes", "change", "mark_add", "compare", "balance")),
    (
        "Findings",
        "findings",
        "alert-octagon",
        _OF_FINDINGS,
    ),
)
SECTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "Map": (("Map", "map"), ("Arrangements", "arrangements"), ("Lab", "lab")),
    "Tasks": (("List", "tasks"), ("Statistics", "statistics"), ("Failures", "failures"), ("Periodic", "periodic")),
    "History": (("Moments", "history"), ("Changes", "changes"), ("Compare", "compare"), ("Balance", "balance")),
    "Workers": (("Nodes", "workers"), ("Queues and nodes", "worker_matrix"), ("Capacity", "capacity")),
}
"""Pages about one subject: links above each of them, by the name of the page in the navigation. A page of one section has none."""
UNDER_MORE = ("Connections", "Map", "Send", "Routing", "History")
"""On a phone there is room for six words and More. How many findings are open is to be seen at once."""
HINTS = {"Routing": "Why a message goes where it goes"}


class Link(msgspec.Struct, frozen=True):
    """A link of the navigation; `current` marks the page shown."""

    name: str
    address: str
    icon: str = ""
    current: bool = False
    hint: str = ""
    under_more: bool = False
    count: int = 0  # of open findings
    level: str = ""  # the worst of them


class Badge(msgspec.Struct, frozen=True):
    """The live badge until a script takes over; without scripts the page is a snapshot."""

    state: str
    word: str
    age: str


class Shell:
    """The frame of one page for one request."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.scope = scope_of(getattr(request, "user", None))
        self.at: datetime | None = getattr(request, "moment", None)  # the past moment that the page shows; None: now
        self.now: datetime = self.at or timezone.now()

    @cached_property
    def theme(self) -> str:
        return theme_of(self.request)

    @property
    def reads_audit_log(self) -> bool:
        return may(getattr(self.request, "user", None), "audit")

    @property
    def sends_somewhere(self) -> bool:
        return rights_of(getattr(self.request, "user", None)).may_somewhere("send")

    @cached_property
    def brokers(self) -> Sequence[Broker]:
        return list(queries.brokers(self.scope) if self.at is None else queries.brokers_at(self.scope, self.at))

    @cached_property
    def past(self) -> PastFrame | None:
        """The banner and the slider of a past moment."""
        return None if self.at is None else PastFrame(self.request, self, self.at, timezone.now())

    def check_recorded(self) -> None:
        """Raises NotRecorded if the page is about one broker of which nothing is recorded at its moment."""
        if self.at is not None and self.broker is not None and self.broker.state == Broker.NOT_RECORDED:
            raise NotRecorded(self.broker.name, self.at)

    def missing(self, now: Any, words: str) -> Exception:
        """What to raise for an object that is not there: at a past moment, if it is there `now` (or was later), that it was not recorded then."""
        return Http404(words) if self.at is None or now is None else NotRecorded(getattr(now, "name", "") or "it", self.at)

    @property
    def now_address(self) -> str:
        """This page without a moment."""
        return address_at(self.request, None)

    @property
    def moment_address(self) -> str:
        """This page at the moment that it shows, as a link that stays what it is; "" of a page without history."""
        here = self.request.resolver_match.url_name if self.request.resolver_match else ""
        return address_at(self.request, self.at or NOW) if here in WITH_HISTORY else ""

    @cached_property
    def broker(self) -> Broker | None:
        """The broker that the address names, or the only one; None: all of several."""
        return self._chosen(self.brokers)

    def _chosen(self, brokers: Sequence[Broker]) -> Broker | None:
        named = [broker for broker in brokers if broker.name == self.request.GET.get("broker")]
        return named[0] if named else brokers[0] if len(brokers) == 1 else None

    @cached_property
    def of_now(self) -> tuple[Sequence[Broker], Broker | None]:
        """The brokers as they are now, and the chosen one, for a page that reads the past itself."""
        found = self.brokers if self.at is None else list(queries.brokers(self.scope))
        return found, self._chosen(found)

    @property
    def vhost(self) -> str | None:
        """The virtual host that the address names; None: all."""
        return self.request.GET.get("vhost") or None

    def vhosts_of(self, broker: Broker | None) -> list[str]:
        return [] if broker is None else [vhost.name for vhost in virtual_hosts(self.scope, broker)]

    @cached_property
    def opened(self) -> OpenNow:
        """What is open of its brokers."""
        return open_now(self.scope, self.brokers, self.at)

    def level_of(self, broker: Broker | None) -> levels.Level | None:
        """The broker's level; of all brokers the worst. None without any broker."""
        found = [self.opened.broker_level(each.pk, levels.broker_level(each, self.now)) for each in ([broker] if broker else self.brokers)]
        return levels.worst(found)

    @cached_property
    def query(self) -> str:
        """What keeps the chosen broker and virtual host in a link to another page: "?broker=prod&vhost=%2F" or ""."""
        return _query(self.request.GET.get("broker"), self.vhost)

    @cached_property
    def pages(self) -> list[Link]:
        here = self.request.resolver_match.url_name if self.request.resolver_match else ""
        links = [
            Link(name, address_of(route) + self.query, icon, here in routes, HINTS.get(name, name), name in UNDER_MORE) for name, route, icon, routes in PAGES
        ]
        return [self._counted(link) if link.name == "Findings" else link for link in links]

    def _counted(self, link: Link) -> Link:
        here = [one for one in self.opened.causes if self.broker is None or one.broker_id in (None, self.broker.pk)]
        return msgspec.structs.replace(link, count=len(here), level=here[0].level) if here else link

    @cached_property
    def sections(self) -> list[Link]:
        """The pages about this page's subject, this one among them; none above an object's own page, and where there is but one."""
        here = self.request.resolver_match.url_name if self.request.resolver_match else ""
        found = next((sections for sections in SECTIONS.values() if here in [route for _, route in sections]), ())
        return [Link(name, address_of(route) + self.query, current=here == route) for name, route in found] if len(found) > 1 else []

    @cached_property
    def lately(self) -> str:
        """What changed in the last ten minutes."""
        return f"{address_of('changes')}{self.query or '?'}{'&' if self.query else ''}q=since:-10min"

    @cached_property
    def list_address(self) -> str:
        """The list that a switch of broker or virtual host leads to: this page, or the one above the object it shows."""
        here = self.request.resolver_match.url_name if self.request.resolver_match else ""
        return next((address_of(route) for _, route, _, routes in PAGES if here in routes), address_of("overview"))

    @cached_property
    def topics(self) -> list[str]:
        """The live topics of the frame itself, for the age on the badge."""
        return [f"broker/{broker.pk}" for broker in ([self.broker] if self.broker else self.brokers)]

    @cached_property
    def badge(self) -> Badge:
        if self.past is not None:
            return Badge("past", "Past", f"{self.past.ago_short} ago")
        broker = self.broker or min(self.brokers, key=lambda each: each.polled_at or datetime.min.replace(tzinfo=self.now.tzinfo), default=None)
        if broker is None or broker.polled_at is None:
            return Badge("stale", "No data", "")
        old = levels.is_stale(broker, self.now)
        return Badge("stale", "Stale", formatting.age(broker.polled_at, self.now)) if old else Badge("paused", "As of", formatting.clock(broker.polled_at))

    @property
    def manages_people(self) -> bool:
        return may(self.request.user, "people")

    @property
    def is_demo(self) -> bool:
        return settings.PLANTS_DIR is not None

    @property
    def version(self) -> str:
        return settings.VERSION

    @property
    def clock(self) -> str:
        return formatting.date_and_clock(self.now)

    @cached_property
    def initials(self) -> str:
        name = self.request.user.get_username()
        parts = [part for part in name.replace(".", " ").replace("_", " ").replace("-", " ").split() if part]
        return "".join(part[0] for part in parts[:2]).upper() if len(parts) > 1 else name[:2].upper()


def shell_of(request: HttpRequest) -> Shell:
    """The frame of this request: the view and the templates share what it has read."""
    known = getattr(request, "shell", None)
    if known is None:
        known = request.shell = Shell(request)  # type: ignore[attr-defined]
    return known


def theme_of(request: HttpRequest) -> str:
    """light, dark or auto, as the person chose on this browser."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def _query(broker: str | None, vhost: str | None) -> str:
    chosen = {name: value for name, value in (("broker", broker), ("vhost", vhost)) if value}
    return f"?{urlencode(chosen)}" if chosen else ""


def context(request: HttpRequest) -> dict[str, Any]:
    """The frame's part of each template's context."""
    return {"shell": shell_of(request)}
