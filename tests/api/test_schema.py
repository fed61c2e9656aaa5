"""The API keeps to its own description for every request: schemathesis makes them, in this process, a bounded number."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings

from tests.api.conftest import World, described
from tests.hypothesis_profiles import examples

pytestmark = pytest.mark.django_db(transaction=True)  # the WSGI application closes its connection after each answer
QUESTIONS = examples(2, 10)
OPERATIONS = sorted((path, method.upper()) for path, methods in described()["paths"].items() for method in methods)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_as_described(world: World, path: str, method: str, mode: str) -> None:
    import schemathesis  # takes 2.4 s of processor time, and every process of the suite imports this module
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    description: Any = schemathesis.openapi.from_dict(described())
    description.app = get_wsgi_application()

    @settings(max_examples=QUESTIONS, deadline=None, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=description[path][method].as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def call(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {world.token}", "Accept-Encoding": "identity"}, base_url="http://testserver", checks=checks)

    call()
