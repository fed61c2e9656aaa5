"""What the tail is requested to do, and what comes out of it."""

from __future__ import annotations

import msgspec

from dashboard.live.frames import Patch
from dashboard.live.hub import Rows, Viewer
from dashboard.live.topics import Topic
from dashboard.models import User


class StateRequest(msgspec.Struct):
    """A viewer needs the whole present state of a topic."""

    topic: Topic
    viewer: Viewer
    rows: Rows | None


class State(msgspec.Struct):
    """The answer to a StateRequest."""

    patch: Patch
    viewer: Viewer
    rows: Rows | None


class SessionEnded(msgspec.Struct):
    session_key: str


class RightsChanged(msgspec.Struct):
    """Whoever is logged in by this session may do other things now."""

    session_key: str
    user: User


Outcome = Patch | State | SessionEnded | RightsChanged
