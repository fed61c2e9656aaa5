"""Every case that was read off RabbitMQ 3.10.8 and 4.0.5 is explained as it went there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brokers.routing.answer import as_json
from brokers.routing.questions import answer_in, answer_line
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.corpus import ROUTED, VERSIONS, agrees, declared, expected, topology
from tests.every_case import every_case


def answers(seen: dict[str, Any], definitions: dict[str, Any], version: str) -> list[dict[str, Any]]:
    line = {"id": seen["id"], "definitions": definitions, "broker_version": version, "cases": seen["cases"]}
    answered = answer_line(json.dumps(line).encode())
    assert answered["id"] == seen["id"]
    return answered["results"]


@pytest.mark.parametrize("version", VERSIONS)
@every_case("path", ROUTED, lambda path: path.stem)
def test_what_the_http_api_exports_is_explained_or_marked_as_uncertain(path: Path, version: str) -> None:
    seen = topology(path)
    for case, answer in zip(seen["cases"], answers(seen, seen["definitions"], version), strict=True):
        right = agrees(answer, expected(case, version))
        assert right or (case.get("needs_exact") and not answer["certain"]), (case, answer)


@pytest.mark.parametrize("version", VERSIONS)
@every_case("path", ROUTED, lambda path: path.stem)
def test_what_was_declared_with_exact_types_is_explained(path: Path, version: str) -> None:
    seen = topology(path)
    for case, answer in zip(seen["cases"], answers(seen, declared(seen), version), strict=True):
        assert agrees(answer, expected(case, version)), (case, answer)
        assert answer["certain"] or answer["one_of"] or "expect_one_of" in case or isinstance(next(iter(case["headers"].values())), dict | list), case


@every_case("path", ROUTED, lambda path: path.stem)
def test_without_the_verdicts_on_all_bindings_an_explanation_is_as_if_they_were_not_requested(path: Path) -> None:
    router = VirtualHostRouter.from_definitions(topology(path)["definitions"])
    for case in topology(path)["cases"]:
        brief = answer_in(router, case)
        assert answer_in(router, case | {"verdicts": "all"}).shortened() == brief
        assert all("brief" not in step for step in as_json(brief)["steps"])


def test_nothing_of_the_corpus_is_left_out() -> None:
    assert sum(len(topology(path)["cases"]) for path in ROUTED) == 2862
