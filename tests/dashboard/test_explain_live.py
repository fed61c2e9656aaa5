"""`manage.py explain` about a broker that is watched: Django is set up for it, and only for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brokers.models import Broker, VirtualHost
from tests.api.conftest import World
from tests.postgres import on_sqlite

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
LIVE = {"broker": "prod", "vhost": "/", "exchange": "orders", "routing_key": "order.new"}
DEFINED = {"definitions": {"queues": [{"name": "mail"}]}, "exchange": "", "routing_key": "mail"}


@pytest.fixture
def world() -> World:
    """What a running dashboard has stored."""
    found = World()
    VirtualHost.objects.create(broker=found.broker, name="/", first_seen_at=found.now)
    Broker.objects.update(poll_seconds=600)  # so that it still counts as polled, however long the program takes to start
    return found


def explain(*questions: Any, arguments: tuple[str, ...] = (), **environment: str) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "explain", *arguments],
        cwd=ROOT,
        input="\n".join(json.dumps(question) for question in questions),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_watched_broker_answers_beside_definitions(world: World) -> None:
    status, (live, defined), errors = explain(LIVE | {"user": "bob"}, DEFINED)
    assert (status, errors) == (0, "")
    assert (live["queues"], live["after"][0]["consumers"], live["after"][0]["workers"][0]["hostname"]) == (["mail"], 1, "a@web-1")
    assert "unknown: needs administrator" in live["text"]
    assert defined["queues"] == ["mail"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"broker": "nope"}, "not_found", "broker"),
    ({"broker": 5}, "invalid", "broker"),
    ({"vhost": "nowhere"}, "not_found", "vhost"),
    ({"vhost": None}, "invalid", "vhost"),
    ({"at": "soon"}, "invalid", "at"),
    ({"at": "2001-01-01T00:00:00Z"}, "not_found", "at"),
    ({"routing_key": 5}, "invalid", "routing_key"),
    ({"cases": []}, "invalid", "cases"),
]


def test_an_error_names_its_field_and_the_next_line_is_answered(world: World) -> None:
    lines = [line for changed, _, _ in WRONG for line in (LIVE | changed, LIVE)]
    status, answers, _ = explain(*lines)  # one program for all: its start is what takes time
    assert status == 1
    assert [(answer["error"]["code"], answer["error"]["field"]) for answer in answers[::2]] == [(code, field) for _, code, field in WRONG]
    assert [answer["queues"] for answer in answers[1::2]] == [["mail"]] * len(WRONG)


def test_a_task_is_explained_in_a_broker_that_is_watched(world: World) -> None:
    task_question = {"broker": "prod", "vhost": "/", "task": "shop.pay", "options": {"queue": "mail"}}
    status, (task, unknown, given), _ = explain(
        task_question, task_question | {"broker": "nope"}, {"conf": {}, "task": {"name": "shop.pay"}}, arguments=("--celery",)
    )
    assert (task["queue"], task["broker"]["queues"], task["certain"]) == ("mail", ["mail"], False)
    assert task["unknown"]
    assert (status, unknown["error"]) == (1, "BadQuestion: broker can't be used: There is no broker nope.")
    assert (given["queue"], given["broker"]) == ("celery", None)


@on_sqlite
def test_without_a_database_the_line_names_the_setting_for_it(tmp_path: Path) -> None:
    status, (live, defined), _ = explain(LIVE, DEFINED, HARELINE_DATA_DIR=str(tmp_path), DJANGO_SETTINGS_MODULE="dashboard.settings")
    assert (status, live["error"]["code"], live["error"]["field"]) == (1, "unavailable", "broker")
    assert "HARELINE_DATA_DIR" in live["error"]["message"]
    assert defined["queues"] == ["mail"]


def test_a_bad_setting_ends_the_program_with_one_sentence(tmp_path: Path) -> None:
    status, answers, errors = explain(DEFINED, LIVE, HARELINE_DATA_DIR=str(tmp_path), HARELINE_POLL_SECONDS="x", DJANGO_SETTINGS_MODULE="dashboard.settings")
    assert (status, len(answers)) == (1, 1)
    assert errors == "hareline: HARELINE_POLL_SECONDS: expected a number from 0.2 to 3600, got 'x'\n"
