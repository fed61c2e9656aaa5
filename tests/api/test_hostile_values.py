"""Values beyond what dates, numbers and texts can be, in every parameter of every call and page: refused by name or taken, never a failure of ours."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.api.conftest import World, described
from tests.hypothesis_profiles import examples

ALL_VALUES = [
    "0001-01-01T00:00:00+14:00",
    "1" * 5000,
    "\x00",
    "\ud800",
    "9999-12-31T23:59:59-14:00",
    "1e400",
    "²",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "-1",
    "nan",
    "1" + "0" * 30,
    "9223372036854775808",
]
VALUES = ALL_VALUES[: examples(2, len(ALL_VALUES))]  # a time and a number; all with --nightly
ALL_ODD = [10**30, float("nan"), [[[]]], {"\ud800": "\x00"}, None, -(10**30), 1e308, float("inf"), [], {}, True]
ODD = ALL_ODD[: examples(2, len(ALL_ODD))]
SAFE = [value for value in VALUES if value != "\ud800"]
BOTH_WAYS = bool(examples(0, 1))
"""Each value in every parameter of a page, and in its filter; else the time in the filter, the number in every parameter, and a NUL in one that says where."""
BROKEN = "%ED%A0%80"  # a lone surrogate as bytes, which are no UTF-8
SCHEMA = described()
CALLS = [(path, method, call) for path, methods in SCHEMA["paths"].items() for method, call in methods.items()]
GETS = [(path, [parameter["name"] for parameter in call.get("parameters", [])]) for path, method, call in CALLS if method == "get"]
POSTS = [(path, call) for path, method, call in CALLS if method == "post"]
GOOD = {"broker": "prod", "vhost": "/", "name": "mail", "queue": "mail", "metric": "depth", "uuid": "x", "exchange": "orders", "routing_key": "a"}
PAGES = sorted({f"/{pattern.pattern}" for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)} - {"/send/now/", "/theme/", "/logout/"})
NUMBERED = {"queues": "mail", "exchanges": "exchange", "connections": "connection", "workers": "worker"}
PAGE_PARAMETERS = ["page", "q", "sort", "range", "newest", "count", "at", "sent", "exchange", "routing_key", "headers", "queue", "worker", "next"]
PAGE_PARAMETERS += ["task", "name", "args", "kwargs", "priority", "expiration", "countdown", "eta", "expires", "changes", "undo", "user"]


@pytest.mark.parametrize(("path", "parameters"), GETS)
def test_a_call_answers_in_json_whatever_a_parameter_holds(world: World, path: str, parameters: list[str]) -> None:
    client, headers = Client(raise_request_exception=False), {"Authorization": f"Bearer {world.token}"}
    good = {name: GOOD[name] for name in parameters if name in GOOD}
    wrong = []
    for name in parameters:
        for value in SAFE:
            answer = client.get(path, {**good, name: value}, headers=headers)
            wrong += [(name, value[:40], answer.status_code)] if not _is_proper(answer, set(parameters)) else []
        answer = client.get(f"{path}?{name}={BROKEN}", headers=headers)
        wrong += [(name, BROKEN, answer.status_code)] if not _is_proper(answer, set(parameters)) else []
    assert wrong == []


@pytest.mark.parametrize(("path", "call"), POSTS)
def test_a_call_with_a_body_answers_in_json_whatever_a_field_holds(world: World, path: str, call: dict[str, Any]) -> None:
    client, headers = Client(raise_request_exception=False), {"Authorization": f"Bearer {world.token}"}
    fields = _fields(call)
    good = {name: GOOD[name] for name in fields if name in GOOD}
    good |= {"reason": "known", "until": (world.now + timedelta(hours=1)).isoformat()} if {"reason", "until"} <= set(fields) else {}
    wrong = []
    for name in fields:
        for value in [*VALUES, *ODD]:
            answer = client.post(path, json.dumps({**good, name: value}), content_type="application/json", headers=headers)
            wrong += [(name, repr(value)[:40], answer.status_code)] if not _is_proper(answer, None) else []
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_whatever_its_address_holds(world: World, page: str) -> None:
    client = world.client()
    client.raise_request_exception = False
    room = page.split("/")[1]
    address = page.replace("<int:pk>", str(getattr(world, NUMBERED[room]).pk if room in NUMBERED else 0))
    found = {}
    for number, value in enumerate(SAFE):
        if BOTH_WAYS or number % 2:
            found[value[:40]] = client.get(address, dict.fromkeys(PAGE_PARAMETERS, value)).status_code
        if BOTH_WAYS or not number % 2:
            found["q", value[:40]] = client.get(address, {"q": f"depth:>{value} since:{value} {value}", "page": value}).status_code
    found[BROKEN] = client.get(f"{address}?{'&'.join(f'{name}={BROKEN}' for name in [*PAGE_PARAMETERS, 'broker', 'vhost', 'part'])}").status_code
    places = ("broker", "vhost", "part")
    for name in places if BOTH_WAYS else places[PAGES.index(page) % 3 :][:1]:
        found[name, "0"] = client.get(address, {name: "\x00"}).status_code
    assert {url: status for url, status in found.items() if status >= 500 and address != "/readyz"} == {}


@pytest.mark.parametrize("number", ["99999999999999999999999999", "9223372036854775808", "1" * 5000])
def test_an_object_of_a_number_that_none_can_have_is_not_found(world: World, number: str) -> None:
    client = world.client()
    client.raise_request_exception = False
    for page in [page for page in PAGES if "<int:pk>" in page]:
        address = page.replace("<int:pk>", number)
        status = client.get(address).status_code
        assert (client.post(address).status_code if status == 405 else status) == 404, page


def _is_proper(answer: Any, parameters: set[str] | None) -> bool:
    """True for an answer in JSON that is no failure of ours; where it is an error, the field that it names is one of the call's."""
    if answer.status_code >= 500 or not answer.headers["Content-Type"].startswith("application/json"):
        return False
    if answer.status_code in (200, 201, 404):
        return True
    error = answer.json()["error"]
    return bool(error["message"]) and (parameters is None or error.get("field") in parameters)


def _fields(call: dict[str, Any]) -> list[str]:
    body: dict[str, Any] = call["requestBody"]["content"]["application/json"]["schema"]
    named = SCHEMA["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], body)
    return list(named.get("properties", {}))
