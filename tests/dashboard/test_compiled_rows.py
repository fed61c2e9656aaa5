"""The rows of lists, by compiled templates: what comes from outside is escaped, and a name that does not exist is an error."""

from __future__ import annotations

from html import escape
from typing import Any

import pytest
from jinja2 import UndefinedError

from brokers.models import Connection
from dashboard.connections.owners import Owner
from dashboard.layout.compiled import environment, render_rows
from dashboard.live.rows import LiveRow
from dashboard.tasks.columns import COLUMNS, USUAL
from dashboard.tasks.row_cells import RowCells
from dashboard.workers.board import BoardNode
from workers.models import Worker

EVIL, ESCAPED = "<script>\"'&", "&lt;script&gt;&#34;&#39;&amp;"


class Anything(dict[str, str]):
    """Evil under any name."""

    def __missing__(self, _: str) -> str:
        return EVIL


def row(**fixed: Any) -> LiveRow:
    known: dict[str, Any] = {"url": "/queues/1/", "broker": "b", "features": [EVIL], "stale": True}
    cells = dict.fromkeys(("level", "consumers", "state", "received", "started", "ended", "runtime", "eta", "slots"), "<b>made here</b>")
    return LiveRow("queue-1", Anything(), Anything(), {"bar_ready": 1.0, "bar_all": 2.0, EVIL: None}, cells, Anything({**known, **fixed}))  # type: ignore[arg-type]


def rows_of(kind: str) -> list[Any]:
    if kind == "connections":
        return [row(connection=Connection(name=EVIL, user=EVIL, node=EVIL), owner=Owner())]
    if kind == "workers":
        return [BoardNode(row(), Worker(hostname=EVIL), EVIL, [], [])]
    return {"queues": [(row(), [1.0, None])], "exchanges": [(row(), [1.0, None], 3)], "tasks": [row()]}[kind]


@pytest.mark.parametrize("kind", ["queues", "exchanges", "tasks", "connections", "workers"])
def test_names_are_escaped_and_only_cells_made_here_are_html(kind: str) -> None:
    more: dict[str, Any] = {"selectable": True, "selected": (), "cells": RowCells([COLUMNS[key] for key in (*USUAL, "sender")], True, True)}
    html = render_rows(kind, rows_of(kind), several_vhosts=False, several_brokers=False, now=None, **more)
    assert "<script" not in html and ESCAPED in html
    assert (escape(EVIL) in html) is (kind == "tasks")
    assert ("<b>made here</b>" in html) is (kind != "exchanges")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment(autoescape=True).from_string("{{ nothing }}").render()
    with pytest.raises(UndefinedError):
        render_rows("tasks", rows_of("tasks"))
