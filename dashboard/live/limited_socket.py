"""Daphne's web socket, closed before anything is done with frames that come faster than `dashboard.live.pace` allows.

Counted further in, they would be counted too late: the event loop reads 64 KiB, some 8,000 small frames, for each frame that the application takes.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from dashboard.live.frames import encode
from dashboard.live.pace import FRAMES_PER_SECOND, Allowance

TOO_FAST = 4429
REASON = f"at most {FRAMES_PER_SECOND:,.0f} frames a second"
PIECE = 4096
"""So many bytes are parsed at once: after a frame too many, the rest of what was read is left out."""
PARTING_SECONDS = 2
"""So long after that the connection stays, for the reason to arrive; nothing that comes meanwhile is parsed, so an answer to the close isn't either."""


class LimitedSocket(WebSocketProtocol):
    """Counts frames, those of a message in several and pings included."""

    _is_too_fast = False

    def onOpen(self) -> None:
        self._allowance = Allowance(at=monotonic())
        super().onOpen()

    def dataReceived(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            if self._is_too_fast:
                return
            super().dataReceived(data[start : start + PIECE])

    def onMessageFrameBegin(self, length: int) -> None:
        self._count()
        super().onMessageFrameBegin(length)

    def onPing(self, payload: bytes) -> None:
        self._count()
        if not self._is_too_fast:
            super().onPing(payload)

    def onMessage(self, payload: bytes, isBinary: bool) -> Any:
        if not self._is_too_fast:
            super().onMessage(payload, isBinary)

    def _count(self) -> None:
        if self._is_too_fast or self._allowance.take(monotonic()):
            return
        self._is_too_fast = True
        self.sendMessage(encode({"error": {"code": "too_fast", "message": REASON}}).encode())
        self.closeHandshakeTimeout = PARTING_SECONDS
        self.sendClose(TOO_FAST, REASON)
