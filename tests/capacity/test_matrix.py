"""The matrix of queues and nodes."""

from __future__ import annotations

from dashboard.capacity.matrix import CONSUMES, DIFFERENT, MOST_COLUMNS, MOST_ROWS, PROBABLY, REPORTED, Consumption, Matrix, matrix


def kinds(made: Matrix) -> dict[str, list[str]]:
    return {row.head.name: [cell.kind for cell in row.cells] for row in made.rows}


def test_each_queue_has_a_row_and_each_node_a_column() -> None:
    made = matrix(Consumption(["mail", "jobs"], ["b", "a"], {("mail", "a"): CONSUMES, ("jobs", "a"): PROBABLY, ("jobs", "b"): REPORTED}, others={"jobs": 2}))
    assert [head.name for head in made.columns] == ["a", "b"]
    assert kinds(made) == {"jobs": [PROBABLY, REPORTED], "mail": [CONSUMES, ""]}
    assert [(row.head.arrangement, row.head.others) for row in made.rows] == [("M:M", 2), ("M:1", 0)]
    assert made.rows[1].cells[0].text == "consumes it"


def test_two_hundred_queues_and_a_hundred_nodes_are_not_folded_and_more_are() -> None:
    queues, nodes = [f"q-{n}" for n in range(MOST_ROWS)], [f"web@{n}" for n in range(MOST_COLUMNS)]
    cells = {(queue, node): CONSUMES for queue in queues for node in nodes}
    made = matrix(Consumption(queues, nodes, cells))
    assert (len(made.rows), len(made.columns), made.folds_queues, made.folds_nodes) == (MOST_ROWS, MOST_COLUMNS, False, False)
    made = matrix(Consumption([*queues, "mail"], [*nodes, "web@x"], cells))
    assert [head.name for head in made.columns] == ["web@*", "web@x"]
    assert [row.head.name for row in made.rows] == ["mail", "q-*"]
    assert made.rows[1].cells[0].text == "100 of 100 nodes consume it"
    assert (made.columns[0].members, made.rows[1].head.arrangement) == (MOST_COLUMNS, "M:M")


def test_what_does_not_fit_even_folded_is_counted() -> None:
    made = matrix(Consumption([f"{'x' * n}q" for n in range(MOST_ROWS + 3)], []))
    assert (len(made.rows), made.hidden_rows) == (MOST_ROWS, 3)


def test_a_pattern_whose_nodes_differ_says_so() -> None:
    made = matrix(Consumption(["mail"], ["web@1", "web@2"], {("mail", "web@1"): CONSUMES}), fold_nodes=True)
    assert (made.columns[0].arrangement, made.rows[0].cells[0].count) == (DIFFERENT, 1)
    assert made.columns[0].meaning == "its members are arranged differently"


def test_nothing_at_all_is_an_empty_matrix() -> None:
    assert matrix(Consumption()) == Matrix()
