"""History of a process that is killed with SIGKILL: `script/soak history` in short."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from script.soak_parts.killed_history import run
from tests.postgres import own_database
from tests.prepared_data import prefill


@pytest.mark.nightly
def test_polls_that_were_acknowledged_are_there_and_no_tier_has_anything_else(tmp_path: Path, shared_run: Path | None) -> None:
    prefill(tmp_path / "data", shared_run)
    found = run(tmp_path / "data", 4, random.Random(3), own_database())
    assert found.problems == [] and found.polls > 0 and found.blocks > 0 and found.blocks_of_minutes > 0 and found.compared > 0
