"""`manage.py explain`: one JSON object a line in, one a line out, without a server, settings or a database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MAIL = {"definitions": {"queues": [{"name": "mail"}]}, "exchange": "", "routing_key": "mail"}


def explain(lines: bytes, *arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
    if data:
        environment |= {"HARELINE_DATA_DIR": str(data), "HARELINE_BROKERS": "not a url"}
    return subprocess.run(
        [sys.executable, "manage.py", "explain", *arguments], cwd=ROOT, input=lines, env=environment, capture_output=True, timeout=60, check=False
    )


def answers(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_are_answered_in_order_and_no_settings_are_read(tmp_path: Path) -> None:
    done = explain((json.dumps(MAIL) + "\n\n" + json.dumps({**MAIL, "routing_key": "Mail"})).encode(), data=tmp_path)
    assert [answer["outcome"] for answer in answers(done)] == ["routed", "unroutable"]
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_line_is_answered_and_the_next_one_too() -> None:
    done = explain(b"{oops\n" + json.dumps(MAIL).encode() + b"\n")
    assert [answer.get("outcome") for answer in answers(done)] == [None, "routed"]
    assert answers(done)[0]["error"]["field"] == "line"
    assert done.returncode == 1


def test_a_whole_topology_is_answered_on_one_line() -> None:
    seen = json.loads((ROOT / "tests" / "cases" / "routing" / "topic-basic.json").read_text(encoding="utf-8"))
    done = explain(json.dumps({name: seen[name] for name in ("id", "definitions", "cases")}).encode())
    found = answers(done)[0]
    assert found["id"] == "topic-basic"
    assert [result["queues"] for result in found["results"]] == [sorted(case["expect"]) for case in seen["cases"]]


def test_a_wrong_call_is_an_error_on_stderr() -> None:
    done = explain(b"", "--no-such-flag")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--no-such-flag" in done.stderr


def test_the_benchmark_agrees_with_a_scan() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "script.bench_parts.routing", "--bindings", "400", "--seconds", "0.05"], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    assert [row["what"] for row in json.loads(done.stdout)["rows"]][1] == "outcomes a CPU second, 400 topic bindings"
