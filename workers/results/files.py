"""Results that Celery's file-system backend wrote (`file:///folder`): one file a task. Only read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workers.redaction import Redaction
from workers.results.errors import ResultsError
from workers.results.outcomes import LARGEST_BYTES, Found, from_json

PREFIX = "celery-task-meta-"


class FileResults:
    def __init__(self, folder: str, redaction: Redaction) -> None:
        self._folder, self._redaction = Path(folder), redaction

    def read(self, uuids: Sequence[str]) -> dict[str, Found]:
        """What is there of each task. Raises ResultsError."""
        return {uuid: from_json(uuid, body, self._redaction) if body else None for uuid, body in self.bodies(uuids).items()}

    def bodies(self, uuids: Sequence[str]) -> dict[str, bytes]:
        """The first bytes of each entry; b"" where there is none. Raises ResultsError."""
        if not self._folder.is_dir():
            raise ResultsError("the folder of results does not exist or may not be read")
        return {uuid: self._one(uuid) for uuid in uuids}

    def _one(self, uuid: str) -> bytes:
        if "/" in uuid or "\x00" in uuid:  # ids are written by others
            return b""
        try:
            with (self._folder / f"{PREFIX}{uuid}").open("rb") as file:
                return file.read(LARGEST_BYTES)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ResultsError(f"a file of results can’t be read ({error.strerror or type(error).__name__})") from error

    def close(self) -> None: ...
