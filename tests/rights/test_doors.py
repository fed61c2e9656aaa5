"""Every page, form and call, requested by every role: it opens to who has the right there, and to nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from django.conf import LazySettings
from django.core.management import get_commands
from django.db import transaction
from django.urls import URLPattern, URLResolver, reverse

from brokers.addresses import BrokerAddress
from dashboard.live import topics
from dashboard.models import AuditEvent
from dashboard.people.elsewhere import OPEN_TO_STRANGERS, THEME
from dashboard.urls import urlpatterns
from tests.api.conftest import described
from tests.rights.doors import CALLS, COMMANDS, PAGES, TOPICS, Door
from tests.rights.world import ADMIN, ALMOST, AWAY, CSRF, JUST, ORDERS, OTHER, PLACES, ROLES_TRIED, STRANGER, USUALLY_TRIED, Role, World, filled

WITHOUT_KEY = {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern) and "pk" not in pattern.pattern.converters}
KINDS = ("queue", "exchange", "connection", "worker", "task", "failure", "finding", "silence", "vhost", "change")
"""What is in one of the places."""


class Try(NamedTuple):
    name: str
    address: str
    door: Door
    place: str


@pytest.fixture
def world(db: None, settings: LazySettings, tmp_path: Any) -> World:
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = settings.LAB = frozenset({"prod"})
    settings.PLANTS_DIR = tmp_path / "plants"
    return World()


def tries(world: World, places: tuple[str, ...] = PLACES) -> list[Try]:
    """Every door, in these places where it is of one."""

    def of(door: Door) -> tuple[str, ...]:
        return places if "{vhost}" in str(door.given) or door.of in KINDS else (ORDERS,)

    found = [Try(name, _address(world, name, door, place), door, place) for name, doors in PAGES.items() for door in doors for place in of(door)]
    return found + [Try(name, name.partition(" ")[2], door, place) for name, door in CALLS.items() for place in of(door)]


def _address(world: World, name: str, door: Door, place: str) -> str:
    key = world.key(door.of, place) if door.of and name not in WITHOUT_KEY else None
    others = {name: world.key("granted", ORDERS) if value == "{granted}" else value for name, value in door.address.items()}
    return reverse(name, kwargs={**others, **({} if key is None else {"pk": key})})


def expected(role: Role, door: Door, place: str, is_call: bool) -> tuple[int, ...]:
    if role is STRANGER:
        return door.stranger or ((401,) if is_call else (302,))
    visible = place == OTHER and role.sees(ORDERS) if door.of == "vhost" and role.width == "queue" else False
    if door.of in KINDS and not (role.sees(place) or visible):
        return (404,)
    if door.of == "node" and (role.width != "everywhere" or not role.sees(place)):  # of whole brokers
        return (404,)
    if door.needs == "view" and not door.of:
        return door.answers
    if visible or role.opens(door.needs if door.of != "vhost" or not role.sees(place) else None, place, door.width):
        return door.answers
    return (403,) if role.actions else (403, 404, 422)  # who sees no broker at all may as well be refused by its absence


def requested(world: World, role: Role, one: Try, csrf: bool = True) -> Any:
    client, given = world.client(role), filled(one.door.given, one.place)
    headers = {"X-CSRFToken": CSRF} if csrf else {}
    if not one.door.posts:
        return client.get(one.address, given)
    address = f"{one.address}?{urlencode(filled(one.door.query, one.place))}"
    if one.address.startswith("/api/"):
        return client.post(address, json.dumps(given), content_type="application/json", headers=headers)
    return client.post(address, given, headers=headers)


def tried(world: World, role: Role, one: Try) -> Iterator[str]:
    """What is wrong about the answer. Nothing of it stays stored."""
    is_call = one.address.startswith("/api/") or one.name == "metrics"
    wanted = expected(role, one.door, one.place, is_call)
    world.client(role)
    with transaction.atomic():
        before = AuditEvent.objects.filter(outcome="refused").count()
        answer = requested(world, role, one)
        text = "" if answer.streaming else answer.content.decode()
        noted = AuditEvent.objects.filter(outcome="refused").count() - before
        transaction.set_rollback(True)
    what = f"{one.name} {'POST' if one.door.posts else 'GET'} of {one.place} by {role.name}: {answer.status_code}"
    if answer.status_code not in wanted:
        yield f"{what}, expected {wanted} {text[-300:] if is_call else ''}"
    elif answer.status_code == 403 and one.door.posts and one.door.notes and not noted:
        yield f"{what}, and the audit log does not have it"
    if not role.sees(AWAY) and (found := named(text, one, role)):
        yield f"{what}, and it names {found}"


def named(text: str, one: Try, role: Role) -> str:
    """A name of another place in the answer, without those that the request has."""
    for name in sorted(set(_texts(filled(one.door.given, one.place))), key=len, reverse=True):
        forms = "|".join(map(re.escape, (name, quote(name, safe=""))))
        text = re.sub(rf"(?:{forms})(?![\w-])", "", text)  # SECRET-ELSEWHERE, and not the beginning of SECRET-ELSEWHERE-queue
    hidden = "SECRET-ELSEWHERE" if role.sees("other") else "SECRET" if role.sees(ORDERS) else r"SECRET|orders@shop|orders\.in"
    found = re.search(rf".{{0,60}}(?:{hidden}).{{0,40}}", text)
    return found[0] if found else ""


def _texts(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        for value in given.values():
            yield from _texts(value)
    elif isinstance(given, list):
        for value in given:
            yield from _texts(value)
    elif isinstance(given, str) and len(given) > 4:
        yield given


def test_every_address_has_its_doors_named() -> None:
    names = {str(pattern.name) for pattern in _patterns()}
    assert names == set(PAGES), "name what it needs in tests/rights/doors.py"


def _patterns() -> list[URLPattern]:
    parts: list[Any] = [one.url_patterns if isinstance(one, URLResolver) and one.app_name != "ninja" else [one] for one in urlpatterns]
    return [pattern for part in parts for pattern in part if isinstance(pattern, URLPattern)]


def test_every_call_has_its_door_named() -> None:
    calls = {f"{method.upper()} {path}" for path, methods in described()["paths"].items() for method in methods}
    assert calls == set(CALLS), "name what it needs in tests/rights/doors.py"


def test_every_topic_and_every_command_is_named() -> None:
    ours = {name for name, app in get_commands().items() if app in ("brokers", "workers", "dashboard")}
    assert (set(topics.ROW_KINDS), ours) == (set(TOPICS), set(COMMANDS)), "name what it needs in tests/rights/doors.py"


USUALLY = [pytest.param(role, places, id=role.name) for role, places in USUALLY_TRIED.items()]
EVERYWHERE = [pytest.param(role, PLACES, id=f"{role.name} everywhere", marks=pytest.mark.nightly) for role in ROLES_TRIED]


@pytest.mark.parametrize(("role", "places"), [*USUALLY, *EVERYWHERE])
def test_each_door_opens_to_who_has_the_right_there_and_to_nobody_else(world: World, role: Role, places: tuple[str, ...]) -> None:
    wrong = [problem for one in tries(world, places) for problem in tried(world, role, one)]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("place", [ORDERS, *(pytest.param(place, marks=pytest.mark.nightly) for place in PLACES if place != ORDERS)])
def test_a_door_needs_its_own_action_and_no_other(world: World, place: str) -> None:
    acts = [one for one in tries(world, (place,)) if one.door.needs not in ("view", None)]
    wrong = [problem for one in acts for kinds in (ALMOST, JUST) for problem in tried(world, kinds[one.door.needs], one)]  # type: ignore[index]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)


def test_a_stranger_with_a_role_passes_only_the_doors_that_are_named_for_strangers(world: World, settings: LazySettings) -> None:
    settings.ANONYMOUS_ROLE = "admin"
    wrong = []
    for one in tries(world):
        is_open = one.name == THEME or (one.name in OPEN_TO_STRANGERS and not one.door.posts)
        is_call = one.address.startswith("/api/") or one.name == "metrics"
        wanted = one.door.answers if is_open else expected(STRANGER, one.door, one.place, is_call)
        answer = requested(world, STRANGER, one)
        at_login = answer.status_code == 302 and answer.headers["Location"].startswith("/login/")
        if answer.status_code not in wanted or at_login != (wanted == (302,) and not is_open):
            wrong.append(f"{one.name} {'POST' if one.door.posts else 'GET'} of {one.place}: {answer.status_code}, expected {wanted}")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
    assert not AuditEvent.objects.exclude(action="log in").exists()


def test_nothing_is_done_without_the_csrf_token(world: World) -> None:
    posts = [one for one in tries(world) if one.door.posts and one.place == ORDERS]
    statuses = {one.name: requested(world, ADMIN, one, csrf=False).status_code for one in posts}
    assert {name: status for name, status in statuses.items() if status != 403} == {}
    assert not AuditEvent.objects.exclude(action="log in").exists()
