"""A configuration from outside is data: nothing in it is imported or run, and whatever it holds ends in an answer that names what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from workers.explain_task import explain
from workers.inspection import live_configuration

IMPORTED = "hareline_bad_configuration"
"""A module that must never be imported."""
PATHS = (IMPORTED, f"{IMPORTED}.thing", f"{IMPORTED}:thing")
SETTINGS = (
    *("task_cls", "task_routes", "task_annotations", "task_queues", "task_default_queue", "task_default_exchange_type", "task_serializer"),
    *("broker_url", "broker_transport_options", "result_backend", "imports", "include", "loader", "worker_pool", "worker_consumer", "beat_scheduler"),
    *("accept_content", "timezone", "event_serializer", "task_create_missing_queue_exchange_type", "CELERY_ROUTES", "CELERY_ANNOTATIONS", "CELERY_IMPORTS"),
    *("CELERY_TASK_CLS", "CELERY_RESULT_BACKEND", "BROKER_TRANSPORT", "DJANGO_SETTINGS_MODULE"),
)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{IMPORTED}.py").write_text("thing = lambda *args, **kwargs: {'queue': 'imported'}\n")
    monkeypatch.syspath_prepend(tmp_path)


def explained(conf: Any, **rest: Any) -> dict[str, Any]:
    found = explain({"conf": conf, "task": {"name": "shop.pay"}, **rest})
    assert IMPORTED not in sys.modules
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_is_imported(module: None, name: str) -> None:
    for path in PATHS:
        for value in (path, [path], {"*": path}, {"*": {"queue": path}}):
            found = explained({name: value})
            assert found["queue"] != "imported"
            assert found["error"] is not None or found["routing_key"] is not None


@pytest.mark.parametrize("path", PATHS)
def test_no_option_and_no_attribute_is_imported(module: None, path: str) -> None:
    for name in ("router", "serializer", "compression", "exchange_type", "backend", "Strategy", "strategy", "Request", "base", "loader", "task_type"):
        assert explained({}, options={name: path})["queue"] != "imported"
        assert explained({}, task={"name": "shop.pay", "attributes": {name: path}})["queue"] != "imported"


@pytest.mark.parametrize("path", PATHS)
def test_what_a_worker_reported_is_not_imported(module: None, path: str) -> None:
    for name in ("task_routes", "task_annotations", "task_queues", "CELERY_ROUTES"):
        live = live_configuration.read({name: [path]}, [], [])
        found = explain(live_configuration.question(live, "shop.pay"))
        assert IMPORTED not in sys.modules
        assert found["queue"] != "imported"


def test_a_router_that_would_be_imported_is_named_as_not_run(module: None) -> None:
    found = explained({"task_routes": [f"{IMPORTED}.thing", {"shop.*": {"queue": "mail"}}]})
    assert (found["queue"], found["certain"]) == ("mail", False)
    assert any(f"{IMPORTED}.thing is code of the application, which is not run here" in step["why"] for step in found["steps"])


@pytest.mark.parametrize(
    "shown",
    [
        f"re.compile({'-' * 100_000}1)",
        "re.compile('a'" + "+'a'" * 50_000 + ")",
        f"re.compile({'(' * 5_000})",
        f"re.compile({'[' * 150}{']' * 150})",
        "re.compile(__import__('os').system('true'))",
        "re.compile('(')",
        "re.compile('(a+)+$', re.NOSUCHFLAG)",
        "re.compile('\\ud800')",
        "re.compile(b'a')",
        "re.compile('a'" + ", re.IGNORECASE" * 20_000 + ")",
    ],
    ids=range(10),
)
def test_a_pattern_that_a_worker_shows_may_be_anything(shown: str) -> None:
    live = live_configuration.read({"task_routes": {shown: {"queue": "mail"}}}, [], [])
    found = explain(live_configuration.question(live, "shop.pay"))
    assert found["routing_key"] is not None or found["error"].startswith("BadQuestion: conf.task_routes")


@pytest.mark.parametrize("priority", ["²", "9" * 5_000, "٣", "-1", "high", ""])
def test_a_priority_that_a_worker_shows_may_be_anything(priority: str) -> None:
    live = live_configuration.read({}, [{"name": "shop.pay", "attributes": {"priority": priority}}], [])
    assert explain(live_configuration.question(live, "shop.pay"))["routing_key"] == "celery"


@pytest.mark.parametrize(
    ("predeclare", "field"),
    [
        ([], "predeclare must"),
        ({"queues": {}}, None),
        ({"queues": {"a": 1}}, "predeclare.queues must"),
        ({"queues": ["mail"]}, "predeclare.queues[0] must"),
        ({"queues": [{}]}, "predeclare.queues[0] can't be read"),
        ({"queues": [{"name": "mail", "arguments": [1]}]}, "predeclare.queues[0] can't be read"),
        ({"queues": [{"name": "mail"}, {"name": "mail", "durable": False}]}, "predeclare.queues[1].name "),
        ({"queues": [{"name": "mail"}, {"name": "mail"}]}, None),
        ({"exchanges": [{"name": "x", "type": "topic"}, {"name": "x", "type": "direct"}]}, "predeclare.exchanges[1].name "),
        ({"bindings": {"a": 1}}, "predeclare.bindings must"),
        ({"bindings": [{}] * 100_001}, "predeclare.bindings holds 100,001"),
        ({"federation": [1], "queues": [{"name": "mail", "colour": "red"}]}, None),
    ],
)
def test_what_exists_is_checked_like_definitions(predeclare: Any, field: str | None) -> None:
    error = explained({}, predeclare=predeclare)["error"]
    assert (error is None) if field is None else error.startswith(f"BadQuestion: {field}")


def test_a_virtual_host_with_very_many_queues_is_explained() -> None:
    queues = [{"name": f"q{number}", "arguments": {"x-max-priority": 5}} for number in range(50_000)]
    found = explained({"task_queue_max_priority": 5}, predeclare={"queues": queues}, options={"queue": "q49999"})
    assert (found["queue"], found["error"]) == ("q49999", None)


@pytest.mark.parametrize("depth", [1_000, 20_000])
def test_nesting_without_end_is_an_error_wherever_it_stands(depth: int) -> None:
    deep: Any = {}
    for _ in range(depth):
        deep = {"a": deep}
    for place in ("options", "args", "kwargs", "predeclare", "conf", "sig_options"):
        fields = {"task_routes": deep, "headers": deep, "queues": [{"name": "q", "arguments": deep}]}
        found = explain({"conf": {}, "task": "x", place: [deep] if place == "args" else fields})
        assert found["error"] is None or found["error"].startswith("BadQuestion: ")
