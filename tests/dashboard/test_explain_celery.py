"""`manage.py explain --celery` as a program: JSON lines in, JSON lines out, nothing else on stdout."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "cases" / "routing" / "celery_routers.py"
QUESTION = {"conf": {"task_routes": {"$router": "by_name_prefix"}}, "task": {"name": "video.encode"}}


def explain(lines, tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, "manage.py", "explain", "--celery", *arguments],
        input="\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name.startswith("PYTHON")} | {"HARELINE_DATA_DIR": str(tmp_path)},
        check=False,
        timeout=60,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_each_line_gets_its_answer_and_bad_ones_too(tmp_path):
    status, answers, _ = explain([QUESTION, "", "no json", {"conf": 7}], tmp_path, "--routers", str(FILE))
    assert status == 1
    assert [(answer["queue"], (answer["error"] or "").partition(" ")[0]) for answer in answers] == [
        ("video", ""),
        (None, "BadQuestion:"),
        (None, "BadQuestion:"),
    ]
    assert set(answers[0]) == {"queue", "exchange", "exchange_type", "routing_key", "error", "certain", "steps", "broker"}
    assert answers[0]["certain"] is True


def test_what_a_router_prints_is_no_answer(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("print('loading')\ndef by_name_prefix(name, args, kwargs, options, task=None):\n    print('called')\n    return 'printed'\n")
    _, answers, errors = explain([QUESTION], tmp_path, "--routers", str(file))
    assert [answer["queue"] for answer in answers] == ["printed"]
    assert "called" in errors


def test_a_file_that_cannot_be_loaded_is_reported(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import nothing_of_that_name")
    status, answers, errors = explain([QUESTION], tmp_path, "--routers", str(file))
    assert (status, answers) == (2, [])
    assert "nothing_of_that_name" in errors
