"""A watch never connects where credentials would go to a guessed port, or in clear text beside https: its source says so, and it begins by itself later."""

from __future__ import annotations

import pytest

from brokers.addresses import BrokerAddress
from brokers.stats import Listener
from tests.brokers.facts import NOON
from workers.errors import Refused
from workers.receiving.liveness import Subscription
from workers.receiving.place import Place
from workers.receiving.receiver import EventFeed
from workers.receiving.source_facts import facts_of

CASES = {
    "unknown": ((), "the AMQP port of prod is unknown"),
    "clear text": ((Listener("rabbit@a", "amqp", 5672),), "AMQP at prod is in clear text only (port 5672)"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_source_says_why_no_events_are_received_and_which_variable_helps(case: str) -> None:
    listeners, words = CASES[case]
    place = Place(BrokerAddress("prod", ("https://127.0.0.1:1",), "ann", "s3cret"), 1, "/", "test", receives_events=True, inspects=True, listeners=listeners)
    with pytest.raises(Refused) as raised:
        EventFeed(place.targets(), place.queue).connect()
    problem = raised.value
    subscription = Subscription(NOON, str(problem))
    facts = facts_of(place, subscription, problem, subscription, problem)
    assert facts.reason.startswith(words)
    assert "HARELINE_BROKER_AMQP_PROD=" in facts.reason
    assert "s3cret" not in facts.reason
    assert (facts.state, facts.inspect_state, facts.grant, facts.inspect_grant) == ("refused", "refused", "", "")


def test_a_port_that_is_reported_later_makes_another_place_which_is_watched_anew() -> None:
    address = BrokerAddress("prod", ("http://127.0.0.1:1",), "ann", "s3cret")
    before, after = (Place(address, 1, "/", "test", receives_events=True, inspects=True, listeners=found) for found in ((), (Listener("a", "amqp", 5672),)))
    assert before != after
    assert before.targets()[0].refusal
    assert not after.targets()[0].refusal
