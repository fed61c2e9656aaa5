"""Orders to real worker nodes, checked by what these then do: how many tasks run at once, which are taken, how often and how long, and whether the node ends.

`script/soak control` does the same with every pool and with older versions of Celery.
"""

from __future__ import annotations

import pytest

from script.soak_parts.control_steps import EXPECTED, STEPS, Found
from script.soak_parts.controlled import HOLD, until, words
from tests.workers.control.conftest import Start

WAITING = ("time_limit, hard", "time_limit, soft")  # nothing comes of them, which takes five seconds to see
REVOKED = ("revoke", "revoke with a signal")  # test_real_revocations.py


@pytest.mark.parametrize("step", [step for step in STEPS if step not in (*WAITING, *REVOKED)])
def test_a_prefork_node_does_what_it_agreed_to(start: Start, step: str) -> None:
    assert STEPS[step](start("prefork", "prefork", 1)).word == EXPECTED["prefork"][step]


def test_a_node_that_scales_itself_follows_another_range_and_refuses_to_grow(start: Start) -> None:
    scaled = start("scaled", "prefork", 2, "--autoscale=2,1")
    assert STEPS["autoscale"](scaled) == Found("done", "autoscale now max=4 min=3")
    ok, text = scaled.order("pool_grow", n=1)
    assert not ok and "not supported with autoscale" in text


def test_a_solo_node_carries_out_after_its_task_what_it_did_not_answer_in_time(start: Start) -> None:
    solo = start("solo", "solo", 1)
    log, gate = solo.file(), solo.file()
    solo.run(HOLD, str(log), str(gate))
    assert until(lambda: words(log)) == ["began"]
    outcome = solo.sent("add_consumer", {"queue": "late"}, 1)
    assert (outcome.sent, outcome.replies, outcome.unanswered) == ("yes", {}, (solo.hostname,))
    gate.touch()
    assert solo.takes_from("late")
    assert STEPS["pool_grow"](solo).word == "refused"


@pytest.mark.nightly
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_other_pools_do_what_the_plan_of_an_order_says(start: Start, pool: str, step: str) -> None:
    assert STEPS[step](start(f"every-{pool}", pool, 1 if pool == "solo" else 2)).word == EXPECTED[pool][step]
