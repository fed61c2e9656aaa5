"""What a task's explanation goes by, for a page: whose configuration, how old, what the last task really sent says, and where the order that people
learn would lead instead. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dashboard.layout import formatting
from dashboard.why.story.spans import JSON, written
from dashboard.why.story.task import LAYERS


class Source(msgspec.Struct, frozen=True):
    """`says` is a sentence, followed by the worker node or application `name`; `more` ends it. `at`: when a worker told it, None where that means nothing."""

    says: str
    name: str
    worker_id: int | None
    at: datetime | None
    more: str


class LastSent(msgspec.Struct, frozen=True):
    """The last task of the name that was really sent; `id` is that of its page."""

    id: int
    uuid: str
    at: datetime
    agrees: bool


class Compared(msgspec.Struct, frozen=True):
    """A key in which Celery does not do what people learn."""

    key: str
    learned_from: str
    learned: str
    taken_from: str
    taken: str


def source_of(answer: JSON) -> Source:
    """Whose configuration the answer goes by.

    >>> source_of({"configuration": {"source": "question", "name": None, "worker_id": None, "at": None, "same": 0}}).says
    'By the settings that were given.'
    """
    told = answer["configuration"]
    at = datetime.fromisoformat(told["at"]) if told["at"] else None
    says = {
        "question": "By the settings that were given.",
        "defaults": "By Celery’s own defaults: no settings are known.",
        "application": "By the application’s own settings, from",
        "worker": "By the settings of worker node",
    }[told["source"]]
    more = f"; {formatting.count(told['same'], 'other worker node')} told the same" if told["same"] else ""
    return Source(says, told["name"] or "", told["worker_id"], at, more)


def last_sent(answer: JSON) -> LastSent | None:
    """None where no event of such a task is known, or the call decides."""
    sent = answer["sent"]
    return LastSent(sent["id"], sent["uuid"], datetime.fromisoformat(sent["at"]), sent["agrees"]) if sent else None


def compared(answer: JSON) -> list[Compared]:
    """Key by key: what the order that people learn would take, and what Celery takes."""
    return [
        Compared(one["key"], LAYERS[one["learned_layer"]], _shown(one["learned"]), LAYERS[one["layer"]], _shown(one["value"])) for one in answer["differences"]
    ]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else written(value)
