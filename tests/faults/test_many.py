"""Two of each process on PostgreSQL, killed at random: the short form of `script/soak many`."""

from __future__ import annotations

from pathlib import Path

import pytest

from script.postgresql_server import ServerError, find_programs
from script.soak_parts.many import many
from script.soak_parts.many_stack import nginx


@pytest.mark.nightly  # what it repeats on one machine: tests/brokers/test_share.py, test_pollbrokers.py, tests/workers/test_spread_receivers.py
def test_nothing_is_lost_or_held_by_two_while_two_of_each_process_are_killed(tmp_path: Path) -> None:
    try:
        find_programs()
        nginx()
    except (ServerError, RuntimeError) as error:
        pytest.skip(str(error))
    report = many(tmp_path / "many", seconds=15, rate=200, seed=2)
    assert report.faults == [], "\n".join([*report.faults, str(report.figures)])
