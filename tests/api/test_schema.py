"""The API keeps to its own description for every request, whoever makes it: schemathesis makes them, in this process, a bounded number."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings

from dashboard import store
from tests.api.conftest import World, described
from tests.hypothesis_profiles import examples
from tests.people import person
from tests.rights.world import World as Planted
from tests.secret_shop import SHOP

pytestmark = pytest.mark.django_db(transaction=True)  # the WSGI application closes its connection after each answer
QUESTIONS = examples(1, 10)
OPERATIONS = sorted((path, method.upper()) for path, methods in described()["paths"].items() for method in methods)
SECRET = re.compile(r"SECRET[\w-]*")


@cache  # with the constants of our modules, which it finds anew for each one: half of the time of these tests
def description() -> Any:
    import schemathesis  # takes 2.4 s of processor time, and every process of the suite imports this module

    found: Any = schemathesis.openapi.from_dict(described())
    found.app = get_wsgi_application()
    return found


def request_again(path: str, method: str, mode: str, headers: dict[str, str], also: Callable[[Any, Any], None] = lambda case, response: None) -> None:
    """Makes QUESTIONS requests; `also` looks at each and its response."""
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

    @settings(max_examples=QUESTIONS, deadline=None, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=description()[path][method].as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def call(case: Any) -> None:
        also(case, case.call_and_validate(headers={**headers, "Accept-Encoding": "identity"}, base_url="http://testserver", checks=checks))

    call()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_as_described(world: World, path: str, method: str, mode: str) -> None:
    request_again(path, method, mode, {"Authorization": f"Bearer {world.token}"})


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_who_may_view_some_queues_finds_nothing_of_the_rest_in_any_answer(path: str, method: str) -> None:
    Planted()
    headers = {"Authorization": f"Bearer {store.make_token(person(broker='prod', vhost=SHOP, queue='orders.*'), 'script', timezone.now())}"}

    def holds_nothing_hidden(case: Any, response: Any) -> None:
        assert SECRET.findall(response.text) == [], case

    request_again(path, method, "positive", headers, holds_nothing_hidden)


@pytest.mark.parametrize("kind", ["queues", "exchanges", "bindings", "connections", "channels", "workers", "tasks", "findings"])
def test_who_may_view_all_finds_what_is_planted(kind: str) -> None:
    Planted()
    token = store.make_token(person("ada", "admin"), "script", timezone.now())
    assert SECRET.search(Client().get(f"/api/v1/{kind}", headers={"Authorization": f"Bearer {token}"}).text)


@pytest.mark.nightly
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_a_viewer_and_a_stranger_get_answers_as_described_too(world: World, path: str, method: str, who: str) -> None:
    token = {"Authorization": f"Bearer {store.make_token(person(), 'script', world.now)}"} if who == "viewer" else {}
    for mode in ("positive", "negative"):
        request_again(path, method, mode, token)
