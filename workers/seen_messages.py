"""What peeked messages show of workflows."""

from __future__ import annotations

from collections.abc import Iterable

from workers.canvas import Canvas, canvas_of
from workers.messages import decode
from workers.peek import Peeked


def canvases(messages: Iterable[Peeked]) -> list[Canvas]:
    """The groups, chords and stamps in them; of a body that was cut, what its headers hold. `messages` are without secrets already."""
    return [found for one in messages for found in canvas_of(decode(one.body, one.properties, one.headers), one.headers)]
