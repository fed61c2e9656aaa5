"""The example rules for Prometheus: about metrics that there are, and valid where promtool is installed (Debian's package prometheus)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs/alerts/hareline.rules.yml"


def test_they_are_about_metrics_that_there_are() -> None:
    code = (ROOT / "dashboard/operations/metrics.py").read_text()
    named = set(re.findall(r"\bhareline_\w+", "".join(re.findall(r"expr: (.*)", RULES.read_text()))))
    assert named
    assert {name for name in named if f'"{name}"' not in code} == set()


@pytest.mark.nightly
def test_promtool_finds_them_valid() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
