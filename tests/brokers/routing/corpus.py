"""The routing cases that were read off real brokers, as tests take them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

CASES = Path(__file__).parents[2] / "cases"
FILES = sorted(path for path in (CASES / "routing").glob("*.json") if not path.name.startswith("celery_"))
VERSIONS = ("3.10.8", "4.0.5")


@cache
def topology(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


ROUTED = [path for path in FILES if "cases" in topology(path)]
FLOWS = [path for path in FILES if topology(path).get("kind") == "flow"]


def declared(seen: dict[str, Any]) -> dict[str, Any]:
    """What was declared, with exact types, after what was deleted again; policies as they were exported."""
    declare = seen["declare"]
    gone = {("queue", name) for name in declare.get("delete_queues", ())} | {("exchange", name) for name in declare.get("delete_exchanges", ())}
    return {
        "exchanges": [item for item in declare.get("exchanges", ()) if ("exchange", item["name"]) not in gone],
        "queues": [item for item in declare.get("queues", ()) if ("queue", item["name"]) not in gone],
        "bindings": [
            item
            for item in declare.get("bindings", ())
            if ("exchange", item["source"]) not in gone and (item["destination_type"], item["destination"]) not in gone
        ],
        "policies": seen["definitions"].get("policies", []),
    }


def expected(case: dict[str, Any], version: str) -> dict[str, Any]:
    """The case's expectation for that version."""
    other = case.get("by_broker", {}).get(version)
    return other if other else {name: case[name] for name in ("expect", "refused", "expect_one_of") if name in case}


def agrees(answer: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether an explanation predicts what the broker did."""
    if "refused" in wanted:
        return (answer["outcome"], answer["refused"], answer["queues"]) == ("refused", wanted["refused"], [])
    if answer["outcome"] != ("routed" if answer["queues"] else "unroutable"):
        return False
    if "expect_one_of" in wanted:
        results = answer["one_of"] or [answer["queues"]]
        return sorted(results) == sorted(sorted(result) for result in wanted["expect_one_of"])
    return answer["one_of"] is None and answer["queues"] == sorted(wanted["expect"])
