"""A story as plain text, for a chat or a ticket. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.layout.spans import Span
from dashboard.why.story.destinations import Destination
from dashboard.why.story.hops import BindingLine, Hop
from dashboard.why.story.message import Story
from dashboard.why.story.task import TaskLine

VERDICTS = {"matched": "+ ", "near": "~ ", "no": "- "}


def plain(headline: Sequence[Span], text: Sequence[Span], story: Story | None, lines: Sequence[TaskLine] = ()) -> str:
    """The outcome, then what Celery does, each exchange with its bindings (`+` matched, `~` nearly), the destinations and the risks."""
    lines_of_text = [_text(headline), _text(text), ""]
    lines_of_text += [
        f"Celery: {line.key} {line.value or '(empty)'} from {line.layer}{f', lost to {line.lost_to}' if line.lost_to else ''}. {line.why}" for line in lines
    ]
    if story:
        lines_of_text += [line for hop in story.hops for line in _hop(hop)]
        lines_of_text += [f"Delivered to {_destination(destination)}" for destination in story.destinations] or [f"{story.end}."]
        lines_of_text += [story.end_text] if story.destinations and story.end_text else []
        lines_of_text += [f"and {story.more_destinations:,} more queues."] if story.more_destinations else []
        lines_of_text += [f"Could go wrong: {risk.queue} {risk.text}" for risk in story.risks]
    return "\n".join(lines_of_text).replace("\n\n\n", "\n\n").strip()


def _text(spans: Sequence[Span]) -> str:
    return "".join(f"`{span.text}`" if span.code else span.text for span in spans)


def _layer(line: TaskLine) -> str:
    lost = f", lost to {line.lost_to}" if line.lost_to else ""
    return f"Celery: {line.key} {line.value or '(empty)'} from {line.layer}{lost}. {line.why}"


def _hop(hop: Hop) -> Iterator[str]:
    yield f"{hop.heading}. {hop.text}"
    yield from (f"  {VERDICTS[line.verdict]}{_binding(line)}" for line in hop.bindings)
    yield from (f"  {fold.label}{_reasons(fold.reasons)}" for fold in hop.folds)
    if hop.alternate:
        yield f"  {hop.alternate}"


def _binding(line: BindingLine) -> str:
    pattern = ".".join(word.text for word in line.words) or line.arguments or "every message"
    return f"{pattern} -> {line.kind} {line.destination}: {_text(line.why)}"


def _reasons(reasons: Sequence[tuple[str, int]]) -> str:
    return f": {', '.join(f'{why} ({count:,})' for why, count in reasons)}" if reasons else ""


def _destination(destination: Destination) -> str:
    nodes = "; ".join(f"{node.hostname}{f' ({node.slots})' if node.slots else ''}" for node in destination.nodes)
    return f"{destination.queue}: {destination.text}{f' {nodes}.' if nodes else ''}"
