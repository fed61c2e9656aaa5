"""The cells of a row of the list of tasks, put together at once: printed one by one by a template they took half of what the whole table did. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from django.utils.safestring import SafeString

from dashboard.live.rows import LiveRow
from dashboard.tasks.columns import Column

Cell = Callable[[LiveRow], str]


class RowCells:
    """Of a list with these columns; `of` is for the template of its rows. Whatever a row holds is escaped, but for its `html`, which is made here."""

    def __init__(self, columns: Sequence[Column], several_vhosts: bool, several_brokers: bool) -> None:
        self._where = [key for key, shown in (("vhost", several_vhosts), ("broker", several_brokers)) if shown]
        self._cells = [self._cell(column) for column in columns]

    def of(self, row: LiveRow) -> SafeString:
        return SafeString("\n".join([cell(row) for cell in self._cells]))

    def _cell(self, column: Column) -> Cell:
        if column.key == "name":
            return self._name
        key, start = column.key, f'<td role="cell" class="{column.cell}"'
        if column.place == "html":
            start = f'{start} data-html="{key}">'
            return lambda row: f"{start}{row.html[key]}</td>"
        if column.place == "fixed":
            start = f"{start}><bdi>"
            return lambda row: f"{start}{escape(row.fixed[key])}</bdi></td>"
        if column.kind:
            start = f'{start} data-text="{key}">'
            return lambda row: f"{start}{escape(row.text[key])}</td>"
        hint = f' title="{escape(column.hint)}"' if column.hint else ""
        start = f'{start}{hint}><bdi data-text="{key}">'
        return lambda row: f"{start}{escape(row.text[key])}</bdi></td>"

    def _name(self, row: LiveRow) -> str:
        fixed = row.fixed
        where = "".join(f'<span class="queue-where{" mono" if key == "vhost" else ""}">{escape(fixed[key])}</span>' for key in self._where)
        link = f'<a class="name" href="{escape(fixed["url"])}" title="{escape(fixed["uuid"])}"><bdi data-text="name">{escape(row.text["name"])}</bdi></a>'
        return f'<th scope="row" role="rowheader" class="task-name">{link}{where}</th>'
