"""Live, the policy of an object is the one that the management API reports; a difference from the rules is said."""

from __future__ import annotations

import pytest

from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import Reported, VirtualHostRouter
from brokers.topology import PolicyDefinition, QueueDefinition, Topology

TIED = (PolicyDefinition("a", "^q", "queues", 1, {"max-length": 1}), PolicyDefinition("b", "^q", "queues", 1, {"max-length": 2}))
LOW = PolicyDefinition("low", "", "all", 0, {"max-length": 9})


def explained(reported: Reported | None, unreported: tuple[str, ...] = ()) -> tuple[str | None, int | None, bool, str]:
    topology = Topology("/", queues=(QueueDefinition("q", "classic"),), policies=(*TIED, LOW))
    router = VirtualHostRouter.from_topology(topology, "4.0.5", reported=reported, unreported=unreported)
    answer = answer_in(router, {"exchange": "", "routing_key": "q"})
    return answer.after[0].policy, answer.after[0].max_length, answer.certain, answer.text


@pytest.mark.parametrize(("name", "length"), [("a", 1), ("b", 2)])
def test_of_tied_policies_the_reported_one_counts_and_is_certain(name: str, length: int) -> None:
    assert explained({("queue", "q"): (name, "")})[:3] == (name, length, True)


def test_without_a_report_a_tie_is_not_certain() -> None:
    assert explained(None)[2] is False
    assert explained({}, ("q",))[2] is False


def test_the_policy_that_the_broker_reports_counts_and_a_difference_is_said() -> None:
    policy, length, certain, text = explained({("queue", "q"): ("low", "")})
    assert (policy, length, certain) == ("low", 9, False)
    assert "by the last poll RabbitMQ applies policy low to q, but by the policies that were read policy a applies" in text


def test_a_queue_without_a_reported_policy_is_not_certain_where_the_rules_give_one() -> None:
    policy, _, certain, text = explained({})
    assert (policy, certain) == ("a", False)
    assert "RabbitMQ applies no policy to q" in text
