"""The short form of each run of `script/soak faults`: seconds of a fault under traffic, compared with what was published."""

from __future__ import annotations

import pytest

from script.soak_parts.faults import FAULTS
from script.soak_parts.run import Run
from tests.faults.conftest import Field

pytestmark = pytest.mark.timeout(900)  # the first one starts the node and the processes, on a machine that may be busy
SECONDS = {"cut": 3.0, "stopped": 3.5, "web-stopped": 1.5, "maintenance-stopped": 0.5, "killed": 3.5, "locked": 2.0, "broker": 0.5, "poison": 1.5, "crowd": 1.0}
# One after another amid the same traffic; the last one lets any part be late
TOGETHER = {"poison": ("poison", "crowd"), "cut": ("cut", "web-stopped", "maintenance-stopped", "stopped", "killed", "locked")}
REPEATED = {"broker"}  # test_kills.py kills the node amid the same traffic, workers/test_watching_faults.py stops one in good order
FIRST = [name for name in SECONDS if not any(name in together[1:] for together in TOGETHER.values())]
LEFT_TO_THE_LONG_RUN = {"killed-often", "two-receivers"}  # `killed` with more of it; it lasts longer than a lease (workers/test_two_receivers.py)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.nightly) if name in REPEATED else name for name in FIRST])
def test_nothing_is_lost_double_or_wrong_through(name: str, field: Field) -> None:
    def fault(run: Run) -> None:
        for each in TOGETHER.get(name, (name,)):
            FAULTS[each](run, SECONDS[each])

    outcome = field.run(name).go(fault)
    assert outcome.found.published > 300
    assert outcome.seen.samples >= 5
    assert not outcome.faults, "\n".join([*outcome.faults, *outcome.found.examples, *outcome.seen.examples])


def test_every_run_has_its_short_form() -> None:
    assert SECONDS.keys() | LEFT_TO_THE_LONG_RUN == FAULTS.keys()
