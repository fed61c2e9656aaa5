"""The columns that the list of tasks can show, and those that an address chooses: `columns=name,state,wait`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dashboard.layout.addresses import Heading, ListAddress


class Column(msgspec.Struct, frozen=True):
    """`place` is where its row has it: "text" and "html" are live, "fixed" is as it was when the page was rendered."""

    key: str
    words: str
    place: str
    kind: str = ""  # "num" for figures
    sort: str = ""  # one of `workers.queries.TASK_SORTS`
    descending_first: bool = False
    cell: str = ""  # CSS classes of its cells
    hint: str = ""


COLUMNS = {
    column.key: column
    for column in (
        Column("state", "State", "html", sort="state", cell="state-cell"),
        Column("name", "Task", "text", sort="name", cell="task-name"),
        Column("arguments", "Arguments", "text", cell="task-arguments mono soft"),
        Column("queue", "Queue", "text", sort="queue", cell="task-queue", hint="The queue it is in or was taken from"),
        Column("worker", "Worker node", "text", sort="worker", cell="task-worker"),
        Column("received", "Received", "html", "num", "at", True, "num soft received-cell"),
        Column("started", "Started", "html", "num", cell="num soft started-cell"),
        Column("ended", "Ended", "html", "num", cell="num soft ended-cell"),
        Column("runtime", "Runtime", "html", "num", "runtime_seconds", True, "num runtime-cell"),
        Column("retries", "Retries", "text", "num", "retries", True, "num retries-cell"),
        Column("eta", "ETA", "html", "num", cell="num soft eta-cell"),
        Column("wait", "Wait", "html", "num", cell="num wait-cell", hint="From sent, or received where that is not known, until started; not before its ETA"),
        Column("exception", "Exception", "text", cell="task-long mono soft"),
        Column("sent", "Sent", "html", "num", cell="num soft sent-cell"),
        Column("sender", "Sent by", "fixed", cell="task-long"),
        Column("exchange", "Exchange", "fixed", cell="task-long"),
        Column("routing_key", "Routing key", "fixed", cell="task-long"),
        Column("root", "Root task", "fixed", cell="task-long mono soft"),
        Column("parent", "Parent task", "fixed", cell="task-long mono soft"),
        Column("uuid", "Task id", "fixed", cell="task-long mono soft"),
    )
}
USUAL = ("state", "name", "arguments", "queue", "worker", "received", "started", "ended", "runtime", "retries", "eta")


class Choice(msgspec.Struct, frozen=True):
    """A column as the form shows it; the addresses move it within the list, "" at an end or where it is not shown."""

    column: Column
    shown: bool
    earlier: str = ""
    later: str = ""

    @property
    def earlier_label(self) -> str:
        return f"Move {self.column.words} to the left"

    @property
    def later_label(self) -> str:
        return f"Move {self.column.words} to the right"


def chosen(text: str, usual: str = "") -> tuple[Column, ...]:
    """The columns of a text in its order, without what there is not; for a text that names none those of `usual`, or else those that everybody has.
    The task's name, which leads to its page, is always one of them.

    >>> [column.key for column in chosen("runtime,what,state,runtime")]
    ['name', 'runtime', 'state']
    """
    keys = list(dict.fromkeys(key for key in text.split(",") if key in COLUMNS)) or [key for key in usual.split(",") if key in COLUMNS] or list(USUAL)
    return tuple(COLUMNS[key] for key in (keys if "name" in keys else ["name", *keys]))


def as_text(columns: Sequence[Column], usual: str = "") -> str:
    """The columns as an address names them; "" for the usual ones, which `usual` may name.

    >>> as_text(chosen("")), as_text(chosen("name,wait"))
    ('', 'name,wait')
    """
    keys = tuple(column.key for column in columns)
    return "" if tuple(columns) == chosen("", usual) else ",".join(keys)


def headings(columns: Sequence[Column], address: ListAddress, sort: str) -> list[Heading]:
    found = []
    for column in columns:
        kind, field = f"{column.kind} {column.key}-column".strip(), column.sort
        sorts = column.descending_first
        found.append(address.heading(column.words, field, sort, kind, descending_first=sorts) if field else Heading(column.words, kind=kind))
    return found


def choices(columns: Sequence[Column], address: ListAddress, usual: str = "") -> list[Choice]:
    """Every column, those that are shown first and in their order."""
    shown = list(columns)
    moved = [
        Choice(
            column,
            True,
            _moved(shown, place, -1, address, usual) if place else "",
            _moved(shown, place, 1, address, usual) if place < len(shown) - 1 else "",
        )
        for place, column in enumerate(shown)
    ]
    return moved + [Choice(column, False) for column in COLUMNS.values() if column not in shown]


def _moved(columns: Sequence[Column], place: int, by: int, address: ListAddress, usual: str) -> str:
    order = list(columns)
    order.insert(place + by, order.pop(place))
    return address.with_(columns=as_text(order, usual))
