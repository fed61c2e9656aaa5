"""Counts what could not be taken in, with an example: nothing is dropped in silence, and nothing stops the rest. Pure."""

from __future__ import annotations

import msgspec

EXAMPLE_LENGTH = 1000


class Refusals(msgspec.Struct):
    count: int = 0
    example: str = ""
    faults: int = 0  # those of `count` that are errors in our own code

    def note(self, count: int, example: str) -> None:
        """The latest example is kept, as text that every database takes."""
        if count:
            self.count += count
            self.example = example[:EXAMPLE_LENGTH].encode("utf-8", "replace").decode().replace("\x00", "�")

    def note_fault(self, error: Exception, what: str) -> None:
        """An error in our own code with one event, worker or task: `what` names it."""
        self.faults += 1
        self.note(1, f"{what}: an error in Hareline ({type(error).__name__}: {error})")
