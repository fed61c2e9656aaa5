"""One object of each kind in three places, and the people who try the doors."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

from django.conf import settings
from django.test import Client
from django.utils import timezone

from brokers.models import Change, Lease, Node, Queue
from dashboard.models import Finding, FindingRound, RuleSetting, Silence, User
from dashboard.people.access import ACTIONS, ROLES, Action
from dashboard.store import rights
from tests.notifications.objects import target
from tests.secret_shop import ELSEWHERE, SHOP, Shop
from workers.models import EventSource, FailedTask, FailureGroup, Task, Worker

CSRF = "c" * 32
ORDERS, OTHER, AWAY = "orders", "other", "away"
"""A queue `orders.*` of `/shop`; another queue there; a queue of another virtual host."""
PLACES = (ORDERS, OTHER, AWAY)
NAMES = {ORDERS: (SHOP, "orders.eu", "orders.in", "orders@shop"), OTHER: (SHOP, "SECRETqueue", "SECRETexchange", "SECRETclient")}
NAMES[AWAY] = (ELSEWHERE, "SECRET-ELSEWHERE-queue", "SECRET-ELSEWHERE-exchange", "SECRET-ELSEWHERE-client")


class Role(NamedTuple):
    """Somebody to try the doors as. `width`: what the right covers of a broker whose every queue is in PLACES."""

    name: str
    actions: frozenset[Action]
    places: tuple[str, ...] = PLACES
    width: str = "everywhere"

    def opens(self, needs: Action | None, place: str, width: str) -> bool:
        wide = ("queue", "vhost", "everywhere")
        return needs is None or (needs in self.actions and place in self.places and wide.index(self.width) >= wide.index(width))

    def sees(self, place: str) -> bool:
        return "view" in self.actions and place in self.places


STRANGER = Role("stranger", frozenset(), ())
NOBODY = Role("nobody", frozenset())
VIEWER, OPERATOR, ADMIN = (Role(name, ROLES[name]) for name in ("viewer", "operator", "admin"))
SCOPED = Role("scoped viewer", ROLES["viewer"], (ORDERS,), "queue")
OF_QUEUES = Role("operator of queues", ROLES["operator"], (ORDERS,), "queue")
OF_SHOP = Role("operator of a virtual host", ROLES["operator"], (ORDERS, OTHER), "vhost")
LOCAL_ADMIN = Role("admin of a virtual host", ROLES["admin"], (ORDERS, OTHER), "vhost")
USUALLY_TRIED = {STRANGER: (ORDERS,), NOBODY: (ORDERS,), SCOPED: (ORDERS, OTHER), LOCAL_ADMIN: (OTHER, AWAY)}
"""In every run, with the places: of a scope the last one in it, and the next beyond it."""
ROLES_TRIED = (*USUALLY_TRIED, VIEWER, OPERATOR, OF_QUEUES, OF_SHOP, ADMIN)
ALMOST = {action: Role(f"all but {action}", frozenset(ACTIONS) - {action}) for action in ACTIONS}
JUST = {action: Role(f"only {action}", frozenset({"view", action})) for action in ACTIONS}


class World:
    def __init__(self) -> None:
        shop = self.shop = Shop()
        now = timezone.now()
        self.keys: dict[tuple[str, str], int] = {}
        for place, (vhost, queue, exchange, client) in NAMES.items():
            at: dict[str, Any] = {"broker": shop.broker, "vhost": vhost}
            seen = {"first_seen_at": now, "changed_at": now}
            begin = queue.removesuffix("queue")
            EventSource.objects.get_or_create(**at, defaults={"state": EventSource.RECEIVING, "received_at": now})
            worker = Worker.objects.create(**at, **seen, hostname=f"{begin}worker@shop", state=Worker.ONLINE, queues=[{"name": queue}], heartbeat_at=now)
            task = Task.objects.create(**at, **seen, uuid=f"{begin}uuid", name=f"{begin}task", state="SUCCESS", queue=queue, worker=worker.hostname)
            failure = FailureGroup.objects.create(**at, fingerprint=begin, exception=f"{begin}Error", place=f"task {begin}task", first_at=now, last_at=now)
            FailedTask.objects.create(task_id=task.pk, group=failure, failed_at=now, name=task.name, worker=worker.hostname, queue=queue)
            found = {"rule": "no_consumer", "level": "critical", "worst_level": "critical", "kind": "queue", "opened_at": now, "seen_at": now}
            finding = Finding.objects.create(
                **at, **found, identity=queue, name=queue, title=f"{queue} has no consumer", object_id=Queue.objects.get(**at, name=queue).pk
            )
            mine = {"reason": f"{begin}reason", "user_name": "ada", "begun_at": now, "until": now + timedelta(hours=1)}
            silence = Silence.objects.create(broker="prod", vhost=vhost, name=queue, kind="queue", **mine)
            change = Change.objects.create(
                **at, at=now, kind="queue", what="changed", name=queue, text=f"Queue {queue} now has policy {begin}policy", who=begin
            )
            self.keys |= {
                ("queue", place): finding.object_id or 0,
                ("exchange", place): shop.key("exchange", exchange),
                ("connection", place): shop.key("connection", client),
                ("worker", place): worker.pk,
                ("task", place): task.pk,
                ("failure", place): failure.pk,
                ("finding", place): finding.pk,
                ("silence", place): silence.pk,
                ("change", place): change.pk,
            }
            Lease.objects.create(name=f"events prod {vhost} {queue}", holder="web-1:12:1-a", taken_at=now, expires_at=now + timedelta(hours=1))
        reason = {"worker_gone": "SECRET-ELSEWHERE-worker@shop: it may still be reconnecting"}
        FindingRound.objects.create(broker=shop.broker, at=now, took_ms=1, rules=1, unsure=reason)
        self.keys["node", ORDERS] = Node.objects.get().pk
        setting = RuleSetting.objects.create(rule="no_consumer", threshold="off", value=1, user_name="ada", at=now)
        self.keys |= {("setting", ORDERS): setting.pk, ("target", ORDERS): target(name="pager").pk, ("nothing", ORDERS): 10**9}
        User.objects.create_user("manager", is_superuser=True)
        made = rights.grant(User.objects.create_user("cy"), "viewer", now)
        self.keys |= {("person", ORDERS): made.user_id, ("granted", ORDERS): made.pk, ("role", ORDERS): rights.save_role("of ours", {"view"}).pk}
        self.clients: dict[str, Client] = {}
        self.cookies: dict[str, dict[str, str]] = {}

    def key(self, kind: str, place: str) -> int | None:
        return self.keys.get((kind, place))

    def client(self, role: Role) -> Client:
        """Their browser, logged in, whatever it requested before: one answer logs out."""
        if role.name not in self.clients:
            client = self.clients[role.name] = Client(enforce_csrf_checks=True)
            if role is not STRANGER:
                client.force_login(_person(role))
            client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
            self.cookies[role.name] = {name: one.value for name, one in client.cookies.items()}
        client = self.clients[role.name]
        client.cookies = SimpleCookie(self.cookies[role.name])
        return client


def _person(role: Role) -> User:
    user = User.objects.create_user(role.name, password="a good long one 17")
    name = next((name for name, actions in ROLES.items() if actions == role.actions), f"role of {role.name}")
    if name not in ROLES:
        rights.save_role(name, role.actions)
    place = {"everywhere": {}, "vhost": {"vhost": SHOP}, "queue": {"vhost": SHOP, "queue": "orders.*"}}[role.width]
    rights.grant(user, name, timezone.now(), **place)
    return user


def filled(given: Any, place: str) -> Any:
    """With the names of that place."""
    vhost, queue, exchange, _ = NAMES[place]
    if isinstance(given, dict):
        return {name: filled(value, place) for name, value in given.items()}
    if isinstance(given, list):
        return [filled(value, place) for value in given]
    names = {
        "{worker}": f"{queue.removesuffix('queue')}worker@shop",
        "{vhost}": vhost,
        "{queue}": queue,
        "{exchange}": exchange,
        "{task}": queue.removesuffix("queue") + "uuid",
    }
    names["{until}"] = (timezone.now() + timedelta(hours=1)).isoformat()
    return names.get(given, given) if isinstance(given, str) else given
