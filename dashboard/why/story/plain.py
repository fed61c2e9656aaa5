"""A story as plain text, for a chat or a ticket. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.why.story.destinations import End
from dashboard.why.story.hops import BindingLine, Stop
from dashboard.why.story.message import Story
from dashboard.why.story.spans import Span
from dashboard.why.story.task import TaskLine

VERDICTS = {"matched": "+ ", "near": "~ ", "no": "- "}


def plain(headline: Sequence[Span], says: Sequence[Span], story: Story | None, lines: Sequence[TaskLine] = ()) -> str:
    """The outcome, then what Celery does, each exchange with its bindings (`+` matched, `~` nearly), the ends and the risks."""
    told = [_text(headline), _text(says), ""]
    told += [
        f"Celery: {line.key} {line.value or '(empty)'} from {line.layer}{f', lost to {line.lost_to}' if line.lost_to else ''}. {line.why}" for line in lines
    ]
    if story:
        told += [line for stop in story.stops for line in _stop(stop)]
        told += [f"Ends in {_end(end)}" for end in story.ends] or ["Ends in no queue."]
        told += [f"and in {story.ends_more:,} more."] if story.ends_more else []
        told += [f"Could go wrong: {risk.queue} {risk.text}" for risk in story.risks]
    return "\n".join(told).replace("\n\n\n", "\n\n").strip()


def _text(spans: Sequence[Span]) -> str:
    return "".join(f"`{span.text}`" if span.code else span.text for span in spans)


def _layer(line: TaskLine) -> str:
    lost = f", lost to {line.lost_to}" if line.lost_to else ""
    return f"Celery: {line.key} {line.value or '(empty)'} from {line.layer}{lost}. {line.why}"


def _stop(stop: Stop) -> Iterator[str]:
    yield f"{stop.heading}. {stop.says}"
    yield from (f"  {VERDICTS[line.verdict]}{_binding(line)}" for line in stop.bindings)
    yield from (f"  {fold.words}{_reasons(fold.reasons)}" for fold in stop.folds)
    if stop.alternate:
        yield f"  {stop.alternate}"


def _binding(line: BindingLine) -> str:
    pattern = ".".join(word.text for word in line.words) or line.arguments or "every message"
    return f"{pattern} -> {line.kind} {line.destination}: {_text(line.why)}"


def _reasons(reasons: Sequence[tuple[str, int]]) -> str:
    return f": {', '.join(f'{why} ({count:,})' for why, count in reasons)}" if reasons else ""


def _end(end: End) -> str:
    nodes = "; ".join(f"{node.hostname}{f' ({node.slots})' if node.slots else ''}" for node in end.nodes)
    return f"{end.queue}: {end.says}{f' {nodes}.' if nodes else ''}"
