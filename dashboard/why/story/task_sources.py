"""The sources of a task's explanation, for a page: the configuration and its age, the last task actually sent, and where Celery's precedence
differs from what is often expected. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dashboard.layout import formatting
from dashboard.layout.spans import written
from dashboard.why.last_sent import BY_LAST_SENT
from dashboard.why.story.task import LAYERS
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import UsedConfiguration


class Source(msgspec.Struct, frozen=True):
    """`says` is a sentence, followed by the worker node or application `name`; `more` ends it. `at`: when a worker reported it, None if not applicable."""

    text: str
    name: str
    worker_id: int | None
    at: datetime | None
    more: str


class LastSent(msgspec.Struct, frozen=True):
    """The last task of that name actually sent; `id` is that of its page."""

    id: int
    uuid: str
    at: datetime
    agrees: bool | None  # None: that call named an exchange of its own
    decides: bool = False


class Compared(msgspec.Struct, frozen=True):
    """A key for which Celery's precedence differs from the expected one."""

    key: str
    learned_from: str
    learned: str
    taken_from: str
    taken: str


def source_of(configuration: UsedConfiguration) -> Source:
    """The configuration that the answer is based on.

    >>> source_of(UsedConfiguration("question", None, None, None, 0, "")).text
    'Based on the given settings.'
    """
    text = {
        "question": "Based on the given settings.",
        "defaults": "Based on Celery’s defaults: no settings are known.",
        "application": "Based on the application’s own settings, from",
        "worker": "Based on the settings of worker",
    }[configuration.source]
    more = f"; {formatting.count(configuration.same, 'other worker node')} reported the same" if configuration.same else ""
    return Source(text, configuration.name or "", configuration.worker_id, configuration.at, more)


def last_sent(answer: TaskExplanation) -> LastSent | None:
    """None if no event of such a task is known, or the call decides."""
    sent = answer.sent
    return LastSent(sent.id, sent.uuid, sent.at, sent.agrees, answer.decided_by == BY_LAST_SENT) if sent else None


def compared(answer: TaskExplanation) -> list[Compared]:
    """Key by key: the value by the expected precedence, and the value that Celery uses."""
    return [Compared(one.key, LAYERS[one.learned_layer], _shown(one.learned), LAYERS[one.layer], _shown(one.value)) for one in answer.celery.differences]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else written(value)
