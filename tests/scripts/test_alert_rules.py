"""The example rules for Prometheus: about metrics that there are, and valid: promtool is in Debian's package prometheus."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs/alerts/hareline.rules.yml"
TESTS = ROOT / "docs/alerts/hareline.tests.yml"


def test_they_are_about_metrics_that_there_are() -> None:
    code = (ROOT / "dashboard/exporting/own.py").read_text()
    named = set(re.findall(r"\bhareline_\w+", "\n".join(re.findall(r"expr: ([^#\n]*)", RULES.read_text()))))
    assert named
    assert {name for name in named if f'"{name}"' not in code} == set()


@pytest.mark.parametrize("arguments", [("check", "rules", "hareline.rules.yml"), ("test", "rules", "hareline.tests.yml")], ids=["check", "test"])
def test_promtool_finds_them_valid_and_they_alert_as_their_tests_say(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_example_rule_has_a_test() -> None:
    named = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert named
    assert named - set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", TESTS.read_text())) == set()
