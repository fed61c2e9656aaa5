"""Which messages the broker may deliver a second time although we have applied them. Pure.

A message counts as handed out when the receiver's caller got it, not when it arrived: one that was lost with a broken connection before is
new when it comes again. Bodies are counted, not collected: of two messages with the same body, one applied and one lost, the second is applied. (Only where the
first one's acknowledgement is uncertain can they not be distinguished. Celery's events differ in their clocks.)
A process that was killed leaves its fingerprints stored with what it applied (`dump`), and the next one takes them over (`load`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct

_EIGHT_BYTES = Struct("<Q").unpack
RETURN_SECONDS = 600.0  # a broker notices after three heartbeats at most that a connection is dead
MOST_RETURNING = 200_000


class Redeliveries:
    """Fingerprints of bodies, from their hand-out until the broker has certainly taken their acknowledgement."""

    def __init__(self) -> None:
        self._handed_out: list[int] = []  # on this connection, not acknowledged
        self._acknowledged: list[int] = []  # on this connection; the broker may not have read it yet
        self._proving: list[int] = []  # as `_acknowledged`, before the request was sent whose answer is the proof
        self._returning: dict[int, int] = {}  # of broken connections: how many of each may come again
        self._returning_until = 0.0

    @property
    def needs_proof(self) -> bool:
        """Acknowledgements were sent, and no request yet whose answer shows that the broker has read them."""
        return bool(self._acknowledged) and not self._proving

    def hand_out(self, body: bytes, redelivered: bool, now: float) -> bool:
        """Notes a message that the caller gets now (seconds of a monotonic clock). True if it was handed out before and must not be applied again."""
        fingerprint = _fingerprint(body)
        again = redelivered and self._take_back(fingerprint, now)
        self._handed_out.append(fingerprint)
        return again

    def hand_out_all(self, bodies: Iterable[bytes]) -> bool:
        """As `hand_out` of many messages none of which can come again: False, and nothing is noted, where one may."""
        if self._returning:
            return False
        self._handed_out += map(_fingerprint, bodies)
        return True

    def acknowledge(self) -> None:
        """Everything handed out so far was acknowledged."""
        self._acknowledged += self._handed_out
        self._handed_out = []

    def request_proof(self) -> None:
        """Note a request on the same channel: the broker answers it (`prove`) after it has read the acknowledgements before."""
        self._proving, self._acknowledged = self._acknowledged, []

    def prove(self) -> None:
        self._proving = []

    def connection_lost(self, now: float) -> None:
        """What was handed out and is not proven to be acknowledged may come again."""
        lost = [*self._proving, *self._acknowledged, *self._handed_out]
        self._proving, self._acknowledged, self._handed_out = [], [], []
        if not lost:
            return
        if now > self._returning_until:
            self._returning = {}
        self._returning_until = now + RETURN_SECONDS
        for fingerprint in lost:
            self._returning[fingerprint] = self._returning.pop(fingerprint, 0) + 1
        for fingerprint in list(self._returning)[: max(0, len(self._returning) - MOST_RETURNING)]:
            del self._returning[fingerprint]

    def dump(self) -> bytes:
        """The fingerprints of all that may come again, to be stored in the transaction that stores what they brought."""
        returning = (fingerprint for fingerprint, count in self._returning.items() for _ in range(count))
        return array("Q", [*returning, *self._proving, *self._acknowledged, *self._handed_out]).tobytes()

    def load(self, dumped: bytes, now: float) -> None:
        """Takes over what another process had applied. What can't be a dump is ignored."""
        fingerprints = array("Q")
        fingerprints.frombytes(dumped[: len(dumped) - len(dumped) % fingerprints.itemsize])
        self._handed_out = [*fingerprints, *self._handed_out]
        self.connection_lost(now)

    def _take_back(self, fingerprint: int, now: float) -> bool:
        count = self._returning.get(fingerprint, 0)
        if not count or now > self._returning_until:
            return False
        if count == 1:
            del self._returning[fingerprint]
        else:
            self._returning[fingerprint] = count - 1
        return True


def _fingerprint(body: bytes) -> int:
    """The same in every process, unlike `hash`."""
    found: int = _EIGHT_BYTES(blake2b(body, digest_size=8).digest())[0]
    return found
