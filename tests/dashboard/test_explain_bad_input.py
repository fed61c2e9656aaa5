"""`manage.py explain` as a program under a memory limit: bad lines, huge ones and whole brokers are answered, and so is what follows them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.hypothesis_profiles import examples

ROOT = Path(__file__).parents[2]
MEMORY_BYTES = 1_500_000_000
MAIL = {"definitions": {"queues": [{"name": "mail"}]}, "exchange": "", "routing_key": "mail"}
PAY = {"conf": {}, "task": {"name": "shop.pay"}}


def explain(lines: list[bytes], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "manage.py", "explain", *arguments],
        cwd=ROOT,
        input=b"\n".join(lines),
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    assert done.stderr == b""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def line(question: Any, **changed: Any) -> bytes:
    return json.dumps({**question, **changed}).encode()


def test_after_every_bad_line_about_a_message_the_next_one_is_answered() -> None:
    bad = {
        b"{": "line",
        b"\xff\xfe": "line",
        b"[" * 1_000_000: "line",
        b"x" * 40_000_000: "line",
        line(MAIL, headers={"a": "x" * 10_000_000}): "headers",
        line(MAIL, routing_key=None): "routing_key",
        line(MAIL, definitions={"topics": [{"name": "orders", "partitions": 3}]}): "definitions",
        line(MAIL, definitions={"queues": {"mail": {}}}): "definitions.queues",
        line({"exchange": "", "routing_key": "mail"}): "definitions",
    }
    status, answers = explain([each for pair in zip(bad, [line(MAIL)] * len(bad), strict=True) for each in pair])
    assert status == 1
    assert [answer["error"]["field"] for answer in answers[::2]] == list(bad.values())
    assert [answer["queues"] for answer in answers[1::2]] == [["mail"]] * len(bad)


def test_after_every_bad_line_about_a_task_the_next_one_is_answered() -> None:
    bad = {
        b"{": "question",
        b"\xff\xfe": "question",
        b"[" * 1_000_000: "question",
        b"x" * 40_000_000: "question",
        line(PAY, conf={"task_default_queue": "x" * 10_000_000}): "conf.task_default_queue",
        line(PAY, conf=[]): "conf",
        line(PAY, conf={"task_routes": [[[{"$regex": "([a-z]{1000}){1000}"}, "q"]]]}): "conf.task_routes[0][0][0].$regex",
        line(PAY, args=[[0] * 100_000], task=5): "task",
        line(PAY, optoins={}): "optoins",
    }
    status, answers = explain([each for pair in zip(bad, [line(PAY)] * len(bad), strict=True) for each in pair], "--celery")
    assert status == 1
    assert [answer["error"].split()[:2] for answer in answers[::2]] == [["BadQuestion:", field] for field in bad.values()]
    assert [answer["queue"] for answer in answers[1::2]] == ["celery"] * len(bad)


def test_many_bindings_with_every_verdict_stay_within_the_memory() -> None:
    count = examples(20_000, 100_000)
    bindings = [{"source": "x", "destination": "q", "destination_type": "queue", "routing_key": f"order.{number}.eu"} for number in range(count)]
    definitions = {"exchanges": [{"name": "x", "type": "topic"}], "queues": [{"name": "q"}], "bindings": bindings}
    status, [answer] = explain([line({"definitions": definitions, "exchange": "x", "routing_key": "order.7.eu", "verdicts": "all"})])
    assert (status, answer["queues"]) == (0, ["q"])
    assert len(answer["steps"][0]["bindings"]) == count
