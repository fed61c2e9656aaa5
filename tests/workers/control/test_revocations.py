"""What revoking does to tasks in each state, in sentences, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from workers.control.revocation import BESIDE, MEMORY, STAMP_MEMORY, Nodes, Revocable, is_older, read_stamps, revocation, seen, stamped_revocation

WAITS, RUNS = Revocable("w", "shop.pay", "PENDING"), Revocable("r", "shop.pay", "STARTED", "prefork")
TABLE: list[tuple[list[Revocable], str, str]] = [
    ([WAITS], "", "1 task that waits will be discarded by the worker node that takes it."),
    ([WAITS], "SIGTERM", "1 task that waits will be discarded by the worker node that takes it."),
    ([WAITS, Revocable("x", "t", "RETRY")], "", "2 tasks that wait will be discarded by the worker node that takes them."),
    ([RUNS], "", "1 task that runs will go on; only a later retry will be discarded."),
    ([RUNS], "SIGKILL", "The process that runs 1 task gets SIGKILL, which kills the process; nothing of the task can clean up."),
    ([Revocable("x")], "", "Of 1 task the state is unknown: what still waits will be discarded."),
    ([Revocable("x", "t", "UNKNOWN")], "SIGTERM", "Of 1 task the state is unknown: what still waits will be discarded and those that run get SIGTERM."),
    ([Revocable("x", "t", "STARTED", "my.Pool")], "SIGTERM", "The process that runs 1 task gets SIGTERM, which ends the process."),
    ([], "", ""),
]


@pytest.mark.parametrize(("tasks", "signal", "text"), TABLE)
def test_what_will_happen_is_a_sentence_with_what_and_how_many(tasks: list[Revocable], signal: str, text: str) -> None:
    assert revocation(tasks, Nodes(2), signal).text == text


def test_tasks_that_ended_and_pools_that_end_no_task_are_left_out_by_name() -> None:
    ended = [Revocable(state, "t", state) for state in ("SUCCESS", "FAILURE", "REVOKED", "REJECTED")]
    stuck = [Revocable("s", "t", "STARTED", "solo"), Revocable("t", "t", "STARTED", "threads")]
    made = revocation([WAITS, *ended, *stuck], Nodes(1), "SIGTERM")
    assert made.going == ("w",)
    assert made.left_out == ("4 tasks have ended, so there is nothing to revoke.", "2 tasks run in a pool that can’t end a task (solo or threads).")
    assert revocation([WAITS, *stuck], Nodes(1)).going == ("w", "s", "t")  # without a signal no process is ended


@pytest.mark.parametrize(
    ("pool", "version", "can"),
    [
        ("prefork", "4.4.7", True),
        ("gevent", "5.4.0", False),
        ("gevent", "5.5.0", True),
        ("gevent", None, True),
        ("eventlet", "4.4.7", False),
        ("eventlet", "5.4.0", True),
        ("threads", "5.7.0", False),
    ],
)
def test_pools_of_older_versions_of_celery_end_no_task(pool: str, version: str | None, can: bool) -> None:
    made = revocation([Revocable("x", "t", "STARTED", pool, version)], Nodes(1), "SIGTERM")
    assert (made.going, bool(made.left_out)) == (("x",) if can else (), not can)
    assert pool != "gevent" or can or made.left_out == ("1 task runs in a pool that can’t end a task (gevent before Celery 5.5).",)


def test_where_no_node_is_known_nothing_is_revoked() -> None:
    made = revocation([WAITS], Nodes(0))
    assert (made.going, made.text, made.left_out) == ((), "", ("No worker node is known there, so nothing would remember it.",))
    assert stamped_revocation({"a": ["1"]}, 0, 0, Nodes(0)).text == ""


def test_what_is_typed_is_the_name_of_one_task_or_the_number_of_several() -> None:
    assert revocation([WAITS], Nodes(1)).typed == "shop.pay"
    assert revocation([Revocable("an-id")], Nodes(1)).typed == "an-id"
    assert revocation([WAITS, RUNS], Nodes(1), "SIGTERM").typed == "terminate 2"


def test_the_warnings_name_the_memory_the_signal_and_nodes_that_may_not_receive_it() -> None:
    assert revocation([WAITS], Nodes(1)).warnings == (MEMORY,)
    green = Revocable("g", "t", "STARTED", "gevent")
    found = revocation([green], Nodes(3, 1), "SIGKILL").warnings
    assert found == (
        "1 task runs in greenlets, which are killed whatever the signal.",
        "1 of 3 worker nodes does not answer now, and may take one of these tasks without knowing of the order.",
        MEMORY,
        BESIDE,
    )


def test_a_stamped_header_names_what_is_known_to_carry_it_and_nodes_that_are_too_old() -> None:
    made = stamped_revocation({"order": ["17", "18"]}, 0, 1, Nodes(2), "SIGTERM")
    assert (
        made.text
        == "Every task stamped order=17 or order=18 will be discarded by the worker node that takes it, and those that run get SIGTERM (ends the process)."
    )
    assert made.warnings[:2] == (
        "None is known to carry it, from messages that were seen: events have no stamps, so that others may.",
        "1 of the worker nodes runs a Celery older than 5.3, which doesn’t know this order.",
    )
    assert STAMP_MEMORY in made.warnings and made.typed == "terminate order=17 or order=18"
    assert (made.command, made.arguments) == (
        "revoke_by_stamped_headers",
        {"headers": {"order": ["17", "18"]}, "terminate": True, "signal": "SIGTERM"},
    )


def test_the_command_is_celerys() -> None:
    assert (revocation([WAITS], Nodes(1)).command, revocation([WAITS], Nodes(1)).arguments) == ("revoke", {"task_id": ["w"], "terminate": False})
    assert revocation([RUNS], Nodes(1), "SIGQUIT").arguments == {"task_id": ["r"], "terminate": True, "signal": "SIGQUIT"}


@pytest.mark.parametrize(
    "given", [None, {}, [], {"": "x"}, {"a": ""}, {"a": []}, {"a": 5}, {"a": ["x", None]}, {"a": "x" * 501}, {"a": "\x00"}, {"a": ["x"] * 51}]
)
def test_stamps_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|at most"):
        read_stamps(given)


def test_a_version_without_the_order_is_known_by_its_number() -> None:
    assert [is_older(version) for version in ("4.4.7", "5.2.7", "5.3.0", "5.10.1", "6", "", None, 5)] == [True, True, False, False, False, False, False, False]


@pytest.mark.parametrize(
    ("state", "revoked_by", "found"),
    [
        ("REVOKED", "", "revoked"),
        ("SUCCESS", "a@b", "ended"),
        ("STARTED", "a@b", "runs"),
        ("PENDING", "a@b", "remembered"),
        ("PENDING", "", "not seen"),
        ("UNKNOWN", "", "not seen"),
    ],
)
def test_what_a_task_shows_of_its_revocation(state: str, revoked_by: str, found: str) -> None:
    assert seen(state, revoked_by) == found
