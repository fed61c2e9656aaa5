"""The Grafana dashboard: its expressions are PromQL, about metrics that are exported, and its panels lie beside each other."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

from dashboard.exporting import names

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs/grafana/hareline.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VARIABLES = {"broker": ".*", "vhost": ".*", "__rate_interval": "5m"}


def expressions() -> list[str]:
    found = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    return found + [re.sub(r"label_values\((.*), \w+\)", r"\1", variable["definition"]) for variable in DASHBOARD["templating"]["list"][1:]]


def test_each_expression_is_about_metrics_that_are_exported() -> None:
    named = set(re.findall(r"\b(?:hareline|rabbitmq|celery)_\w+", "\n".join(expressions()))) - {"rabbitmq_node"}
    assert len(named) > 20
    assert named - set(names.known_families()) == set()


def test_labels_are_those_of_the_families() -> None:
    labels = {label for kind in names.LABELS.values() for label in kind} | {"state", "rule", "level", "family"}
    grouped = re.findall(r"by \(([^)]*)\)", "\n".join(expressions()))
    used = set(re.findall(r"{{(\w+)}}", json.dumps(PANELS))) | {label for by in grouped for label in by.split(", ")}
    assert used - labels == set()


def test_promtool_reads_each_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], one)} for number, one in enumerate(expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # YAML has JSON in it
    done = subprocess.run(["promtool", "check", "rules", "--lint=all", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_have_ids_of_their_own_and_lie_beside_each_other() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    areas = [panel["gridPos"] for panel in PANELS]
    assert all(area["x"] + area["w"] <= 24 for area in areas)
    for one, other in combinations(areas, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
    assert {json.dumps(panel.get("datasource")) for panel in PANELS if panel["type"] != "row"} == {'{"type": "prometheus", "uid": "${datasource}"}'}


def test_the_documentation_lists_every_family() -> None:
    documented = set(re.findall(r"`((?:hareline|rabbitmq|celery)_\w+)`", (Path(__file__).parents[2] / "docs/metrics.md").read_text()))
    assert set(names.known_families()) - documented == set()
