"""The map as text for other programs, whatever names hold."""

from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dashboard.map.export import MOST_EDGES, MOST_TEXT, dot, mermaid
from dashboard.map.format import Map, MapEdge, MapNode, More


def a_map(name: str, label: str) -> Map:
    nodes = [MapNode(f"queue-{number}", "queue", name, "/", "prod", None, "", "bad", [], ["3 messages"]) for number in (1, 2)]
    edges = [MapEdge("e", "queue-1", "queue-2", "dead_letter", label, None, "ok", "")]
    return Map(None, None, False, "", nodes, edges, More(), "")


def test_a_queue_and_its_dead_letters_in_both_formats() -> None:
    assert dot(a_map("mail", "dead letters")).splitlines()[3:] == [
        '  n1 [shape=cylinder, label="mail\\n3 messages", color="#b3261e"];',
        '  n2 [shape=cylinder, label="mail\\n3 messages", color="#b3261e"];',
        '  n1 -> n2 [label="dead letters", style=dashed];',
        "}",
    ]
    assert mermaid(a_map("mail", "dead letters")).splitlines() == [
        "flowchart LR",
        '  n1[("mail<br/>3 messages")]',
        '  n2[("mail<br/>3 messages")]',
        '  n1 -.->|"dead letters"| n2',
    ]


def test_names_are_shown_as_they_are_and_what_no_file_of_svg_can_hold_as_pictures() -> None:
    for name, in_dot, in_mermaid in (("a&lt;b", "a&amp;lt;b", "a#38;lt#59;b"), ("a\x00\u202eb", "a␀⟨U+202E⟩b", "a␀⟨U#43;202E⟩b"), ("a\uffff", "a�", "a�")):
        assert f'label="{in_dot}\\n3 messages"' in dot(a_map(name, "")) and f'"{in_mermaid}<br/>3 messages"' in mermaid(a_map(name, ""))
        assert f'[label="{in_dot}"' in dot(a_map("mail", name)) and f'|"{in_mermaid}"|' in mermaid(a_map("mail", name))


def test_a_flowchart_is_never_longer_than_mermaid_draws() -> None:
    one = a_map("#" * 255, "").nodes[0]
    nodes = [msgspec.structs.replace(one, id=f"queue-{number}") for number in range(150)]
    edges = [MapEdge(str(number), f"queue-{number % 150}", f"queue-{number // 150}", "binding", "!" * 120, None, "ok", "") for number in range(900)]
    text = mermaid(Map(None, None, False, "", nodes, edges, More(), ""))
    assert len(text) <= MOST_TEXT and text.count("-->") == MOST_EDGES and "%% 400 more edges" in text


@given(st.text(), st.text())
def test_no_name_ends_the_string_that_it_stands_in(name: str, label: str) -> None:
    lines = dot(a_map(name, label)).split("\n")
    strings = re.compile(r'"(?:[^"\\]|\\.)*"')
    assert len(lines) == 8 and all('"' not in strings.sub("", line) for line in lines)
    assert all(re.fullmatch(r"\s*\w.*", line) and '"' not in strings.sub("", line) for line in mermaid(a_map(name, label)).split("\n")[:-1])
