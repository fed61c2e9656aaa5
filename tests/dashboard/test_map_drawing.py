"""The pure modules of the map's drawing (static/js/map/): columns, places of what is new, keys, groups, the path of a message. Run once, by Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PURE = ("graph", "columns", "kept", "keys", "merged", "message_path")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What map_drawing.mjs prints."""
    folder = tmp_path_factory.mktemp("map")
    (folder / "package.json").write_text('{"type": "module"}')
    for name in PURE:
        shutil.copy(ROOT / "static" / "js" / "map" / f"{name}.js", folder)
    shutil.copy(Path(__file__).with_name("map_drawing.mjs"), folder)
    program = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node")
    printed = subprocess.run([program, "map_drawing.mjs"], cwd=folder, capture_output=True, text=True, check=True, timeout=300).stdout
    found: dict[str, Any] = json.loads(printed)
    return found


def overlapping(boxes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (one["id"], other["id"])
        for one, other in combinations(boxes, 2)
        if one["left"] < other["right"] and other["left"] < one["right"] and one["top"] < other["bottom"] and other["top"] < one["bottom"]
    ]


def test_publishers_exchanges_queues_and_workers_stand_in_columns_and_no_box_covers_another(drawn: dict[str, Any]) -> None:
    assert overlapping(drawn["boxes"]) == [] and len(drawn["boxes"]) == 11
    for one, other in combinations(drawn["boxes"], 2):
        if one["column"] < other["column"]:
            assert one["right"] < other["left"], (one["id"], other["id"])
    assert drawn["columns"]["orders-*"] == 2, "what is folded stands in the column of what its edges lead to"
    assert (drawn["many"], drawn["nothing"]) == (150, {})


def test_what_was_on_the_map_stays_where_it_was_and_what_is_new_covers_nothing(drawn: dict[str, Any]) -> None:
    places = {box["id"]: [box["left"], box["top"]] for box in drawn["after"]}
    stayed = {name: place for name, place in drawn["before"].items() if name != "mail"}
    assert {name: places[name] for name in stayed} == stayed
    assert overlapping(drawn["after"]) == [] and places.keys() - stayed.keys() == {"orders.asia", "b@web-2"}
    assert places["orders.asia"][0] == places["orders.eu"][0] and places["b@web-2"][0] == places["a@web-1"][0]


def test_every_edge_between_nodes_of_the_map_has_a_curve_also_in_a_circle(drawn: dict[str, Any]) -> None:
    assert drawn["curves"] == drawn["edges"] and drawn["numbers"]
    assert "consume mail gone" not in drawn["edges"] and "exchange notify notify" in drawn["edges"]


def test_arrow_keys_reach_every_node_from_every_node_and_follow_edges_where_there_are_some(drawn: dict[str, Any]) -> None:
    everything = sorted(drawn["columns"])
    assert {start: found for start, found in drawn["reached"].items() if found != everything} == {}
    assert drawn["right"]["id"] == "orders" and drawn["right"]["edge"]["text"] == "api to orders"
    assert drawn["nowhere"] is None
    assert not {"orders.asia", "b@web-2"} & {*drawn["arranging"]}, "what has no place yet is passed over"


def test_from_further_away_the_map_shows_applications_then_virtual_hosts(drawn: dict[str, Any]) -> None:
    assert drawn["details"] == ["object", "application", "vhost"]
    groups = {(node["name"], node["kind"]): node for node in drawn["applications"]["nodes"]}
    orders = groups["orders", "queue"]
    assert (orders["messages"], orders["in"], orders["level"]) == (12, 10, "bad") and len(orders["members"]) == 3
    assert groups["mail", "queue"]["messages"] is None, "unknown is not 0"
    hosts = {node["name"]: node["lines"] for node in drawn["vhosts"]["nodes"]}
    assert hosts == {"/": ["3 exchanges, 3 queues, 1 worker node, 2 publishers, 1 group"], "other": ["1 queue"]}


def test_virtual_hosts_of_one_name_on_two_brokers_are_two_and_what_is_folded_counts(drawn: dict[str, Any]) -> None:
    assert drawn["brokers"] == [["/ on prod", "41 queues"], ["/ on test", "1 queue"]]


def test_the_path_of_a_message_is_read_from_the_address_and_is_no_view_of_its_own(drawn: dict[str, Any]) -> None:
    assert drawn["steps"] == [[["exchange-1"], ["queue-1", "queue-2"]], []]
    assert drawn["views"] == ["/map/?focus=a&vhost=b"] * 2


def test_lines_are_as_thick_as_their_rate_and_an_unknown_rate_has_no_figure(drawn: dict[str, Any]) -> None:
    assert drawn["rates"] == ["", "0.0", "<0.1", "12.3", "1,234.0"]
    assert drawn["thickness"] == [1.2, 1.2, 2.2, 6.9, 12]
    assert drawn["spoken"] == [
        f"{text}, virtual host /"
        for text in ("queue orders.us, critical", "worker node a@web-1, healthy, 3 of 8 slots used", "exchange (default exchange), healthy")
    ]
