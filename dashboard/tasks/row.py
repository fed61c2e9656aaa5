"""A task prepared for the list, its own page and live patches.

Pure but for rendering the page's own partial. It holds no age: moments travel as `<time>`, which the page's script turns into ages and
running times, so that a row is sent only when its task changes. Everything from outside is text. Fragments are plain `str` (hence the
`strip`), which frames can hold; templates mark them safe.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from django.template.loader import render_to_string
from django.urls import get_script_prefix, reverse
from django.utils.html import format_html

from dashboard.layout import formatting
from dashboard.live.rows import LiveRow
from dashboard.tasks import states as task_states
from workers.models import Task
from workers.task_times import NOT_STARTED, ran_seconds, ready_at, waited_seconds

ARGUMENTS_LENGTH = 160
QUEUES_NAMED = 3
NO_KEYWORDS = ("", "{}")
HIDDEN = "arguments hidden"


def task_row(task: Task, now: datetime) -> LiveRow:
    """The task as a row."""
    state = task_states.state_of(task)
    return LiveRow(
        key=f"task-{task.pk}",
        text={
            "name": task.name or "name unknown",
            "arguments": arguments_text(task),
            "queue": queue_text(task),
            "worker": task.worker or formatting.UNKNOWN,
            "retries": formatting.number(task.retries),
            "words": task_states.state_text(task),
            "exception": _cut(task.exception or ""),
        },
        mark={"level": state.level, "state": task.state, "named": "yes" if task.name else "no"},
        number={"retries": task.retries, "runtime_seconds": task.runtime_seconds},
        html={
            "state": _state_html(task.state, task_states.last_seen(task)) + past_limit_html(task, now),
            "received": time_html(task.received_at, now),
            "started": time_html(task.started_at, now),
            "ended": time_html(task.ended_at, now),
            "runtime": runtime_html(task, now),
            "eta": eta_html(task, now),
            "sent": time_html(task.sent_at, now),
            "wait": wait_html(task, now),
        },
        fixed={
            "url": f"{_before_key(get_script_prefix())}{task.pk}/",
            "uuid": task.uuid,
            "vhost": task.vhost,
            "broker": task.broker.name,
            "sender": task.sender or formatting.UNKNOWN,
            "exchange": formatting.UNKNOWN if task.exchange is None else task.exchange or "default exchange",
            "routing_key": formatting.UNKNOWN if task.routing_key is None else task.routing_key,
            "root": task.root_id or formatting.UNKNOWN,
            "parent": task.parent_id or formatting.UNKNOWN,
        },
    )


@lru_cache(maxsize=4)
def _before_key(_: str) -> str:
    """The beginning of the address of each task's page: looking it up for each row costs as much as all of its texts."""
    return reverse("task", args=[0]).removesuffix("0/")


def queue_text(task: Task) -> str:
    """The queue that it is in or was taken from, several with commas; "–" where it is unknown."""
    found = task.found
    return formatting.listed(found.names, QUEUES_NAMED) if found and found.names else formatting.UNKNOWN


def arguments_text(task: Task) -> str:
    """The arguments as the events print them, cut: "(88412, 'EUR') {'retry': True}"; "–" where no event carried them, HIDDEN from who may not see them."""
    if task.arguments_hidden:
        return HIDDEN
    if task.args is None and task.kwargs is None:
        return formatting.UNKNOWN
    keywords = "" if (task.kwargs or "") in NO_KEYWORDS else task.kwargs
    words = " ".join(part for part in (task.args or "", keywords or "") if part)
    return _cut(words)


def _cut(words: str) -> str:
    return words if len(words) <= ARGUMENTS_LENGTH else f"{words[: ARGUMENTS_LENGTH - 1]}…"


def time_html(moment: datetime | None, now: datetime) -> str:
    """The moment, which the page's script shows as an age ("4 s ago"); "–" for None."""
    if moment is None:
        return formatting.UNKNOWN
    text = moment.isoformat()
    clock = text[11:19] if moment.date() == now.date() else formatting.moment_text(moment, now)
    return f'<time datetime="{text}" data-ago>{clock}</time>'  # nothing of it is from outside


def runtime_html(task: Task, now: datetime) -> str:
    """How long it ran; of a task that runs, a time that grows; "–" where it is unknown."""
    if task.state == "STARTED" and task.started_at:
        clock = formatting.moment_text(task.started_at, now)
        return format_html('<time datetime="{0}" data-since="{0}">since {1}</time>', task.started_at.isoformat(), clock).strip()
    return runtime_text(ran_seconds(task))


def wait_html(task: Task, now: datetime) -> str:
    """How long it waited; of a task that waits, a time that grows; "–" where it is unknown."""
    since = ready_at(task)
    if since is not None and since <= now and task.started_at is None and task.state in NOT_STARTED:
        clock = formatting.moment_text(since, now)
        return format_html('<time datetime="{0}" data-since="{0}">since {1}</time>', since.isoformat(), clock).strip()
    return runtime_text(waited_seconds(task, now))


def runtime_text(seconds: float | None) -> str:
    """A runtime, with milliseconds where it is short.

    >>> runtime_text(0.0123), runtime_text(1.26), runtime_text(75), runtime_text(None)
    ('12 ms', '1.3 s', '1 min 15 s', '–')
    """
    if seconds is None:
        return formatting.UNKNOWN
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    return f"{seconds:.1f} s" if seconds < 59.95 else formatting.duration(seconds)


def past_limit_html(task: Task, now: datetime) -> str:
    """When its time limit passes or passed, which the page's script turns into words once that is so; "" for a task that does not run, or whose limit is
    unknown."""
    if task.state != "STARTED" or task.started_at is None or task.limit_seconds is None:
        return ""
    at = task.started_at + timedelta(seconds=task.limit_seconds)
    words = f"past its limit since {formatting.moment_text(at, now)}" if now > at else ""
    return format_html('<time class="task-past" datetime="{}" data-past>{}</time>', at.isoformat(), words).strip()


def eta_html(task: Task, now: datetime) -> str:
    """The moment before which it must not start; "" for a task without one."""
    if task.eta is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', task.eta.isoformat(), formatting.moment_text(task.eta, now)).strip()


@lru_cache(maxsize=256)
def _state_html(state: str, seen: str) -> str:
    known = task_states.STATES.get(state, task_states.STATES[task_states.UNKNOWN])
    return render_to_string("tasks/_state.html", {"state": known, "seen": seen}).strip()
