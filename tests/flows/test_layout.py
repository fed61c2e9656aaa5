"""Where the boxes of a workflow stand: never one on another."""

from __future__ import annotations

from hypothesis import given

from dashboard.flows.folded import folded
from dashboard.flows.layout import CERTAIN, GAP, HEIGHT, WIDTH, Drawing, Framed, drawn
from dashboard.flows.tree import Member, grown
from tests.flows.test_tree import IDS, forged

HEADER = [Member(f"h{number}", number + 1, f"leaf{number}", parent="a", body="end") for number in range(3)]
CHORD = [Member("a"), *HEADER, Member("end", 9, "total", parent="h2"), Member("last", 10, "mail", parent="end")]


def of(members: list[Member], root: str = "a", **known: object) -> Drawing:
    return drawn(folded(grown(root, members)), **known)  # type: ignore[arg-type]


def corners(drawing: Drawing) -> dict[str, tuple[int, int]]:
    return {placed.box.key: (int(placed.x), int(placed.y)) for placed in drawing.boxes}


def test_nothing_has_no_boxes() -> None:
    assert of([]).boxes == []


def test_the_parts_of_a_header_are_in_one_column_and_the_body_is_beside_its_middle() -> None:
    found = corners(of(CHORD))
    assert found["h0"][0] == found["h1"][0] == found["h2"][0] == found["a"][0] + WIDTH + GAP
    assert found["h0"][1] < found["h1"][1] < found["h2"][1]
    assert found["end"][0] > found["h2"][0] and found["last"][0] > found["end"][0]
    assert found["a"][1] == found["h1"][1] == found["end"][1] == found["last"][1]


def test_arrows_of_the_critical_path_are_drawn_last_and_frames_around_a_group_alone() -> None:
    drawing = of(CHORD, critical=("a", "h1", "end"), framed=[Framed(("h0", "h1", "h2"), CERTAIN, "group"), Framed(("a", "end"), CERTAIN, "torn")])
    assert [arrow.kind for arrow in drawing.arrows] == [""] * 5 + ["critical"] * 2
    assert [placed.box.key for placed in drawing.boxes if placed.critical] == ["a", "h1", "end"]
    assert [frame.text for frame in drawing.frames] == ["group"]


@given(forged(), IDS)
def test_no_two_boxes_overlap_and_all_are_inside_the_drawing(tasks: list[Member], root: str) -> None:
    drawing = of(tasks, root)
    found = sorted(corners(drawing).values())
    assert all(abs(x - other_x) >= WIDTH or abs(y - other_y) >= HEIGHT for at, (x, y) in enumerate(found) for other_x, other_y in found[:at])
    assert all(x > 0 and x + WIDTH < int(drawing.width) and y > 0 and y + HEIGHT < int(drawing.height) for x, y in found)
