"""The short form of `script/soak kills`: each process is killed under traffic, the broker's node too."""

from __future__ import annotations

import pytest

from script.soak_parts.kills import kills
from tests.faults.conftest import Field

pytestmark = pytest.mark.timeout(900)  # the first one starts the node and the processes, on a machine that may be busy
SECONDS = 2.0  # one round, which lasts longer by its restarts


@pytest.mark.nightly
def test_nothing_is_lost_and_all_is_back_when_every_process_was_killed(field: Field) -> None:
    outcome = field.run("kills").go(lambda run: kills(run, SECONDS))
    assert outcome.found.published > 300
    assert outcome.seen.samples >= 5
    assert not outcome.faults, "\n".join([*outcome.faults, *outcome.found.examples, *outcome.seen.examples])
