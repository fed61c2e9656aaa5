"""The five arrangements, several at once, and unknown; flows of queues with the same machines, and how they are drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.arrangements.arrangement import FIVE, MOST_PAIRS, arrangement, of_possible, of_three
from dashboard.arrangements.declared import Declared
from dashboard.arrangements.drawing import drawing
from dashboard.arrangements.flows import NOT_VISIBLE, QueueClients, flows
from dashboard.arrangements.machines import Client, Machine, Machines
from dashboard.arrangements.meaning import MEANINGS

WEB, MQ, JOBS = Machine("web"), Machine("mq"), Machine("jobs")


def test_each_of_the_five_is_named() -> None:
    found = [arrangement([producer], MQ, [consumer]).word for producer, consumer in ((MQ, MQ), (MQ, JOBS), (WEB, MQ), (WEB, WEB), (WEB, JOBS))]
    assert tuple(found) == FIVE
    assert all(MEANINGS[word].fails and MEANINGS[word].network and MEANINGS[word].processors for word in FIVE)


@given(st.tuples(*[st.sampled_from("abc")] * 3))
def test_the_arrangement_is_that_of_which_machines_are_equal(three: tuple[str, str, str]) -> None:
    renamed = {"a": "x", "b": "y", "c": "z"}
    assert of_three(*three) == of_three(*(renamed[one] for one in three))
    assert (of_three(*three) == "all_on_one") == (len(set(three)) == 1)
    assert (of_three(*three) == "all_apart") == (len(set(three)) == 3)


def test_pairs_that_differ_are_several_arrangements_each_with_its_machines() -> None:
    found = arrangement([WEB, MQ], MQ, [JOBS])
    assert found.word == "several"
    assert found.parts == {"producer_with_broker": [("mq", "jobs")], "all_apart": [("web", "jobs")]}
    assert arrangement([WEB, Machine("web-2")], MQ, [JOBS]).word == "all_apart"


def test_one_machine_that_is_not_known_makes_the_arrangement_unknown() -> None:
    assert arrangement([Machine(unknown="behind a proxy")], MQ, [JOBS]).unknown == ["behind a proxy"]
    assert arrangement([], MQ, []).unknown == ["no connection is known to publish to it now", "nothing consumes it"]
    assert "looks like a container" in arrangement([Machine("3f2a9c1b7d4e", contained=True)], MQ, [JOBS]).unknown[0]
    assert (
        arrangement([Machine("3f2a9c1b7d4e", contained=True)], *([Machine("3f2a9c1b7d4e", contained=True)] * 1), [Machine("3f2a9c1b7d4e", contained=True)]).word
        == "all_on_one"
    )
    by_name, by_address = Machine("web-3", known_by="name"), Machine("10.0.0.5", known_by="address")
    assert "can’t be compared" in arrangement([by_name], MQ, [by_address]).unknown[0]
    assert arrangement([by_name], MQ, [JOBS]).word == "all_apart"


def test_too_many_machines_are_not_compared() -> None:
    many = [Machine(f"m{number}") for number in range(MOST_PAIRS // 10)]
    assert arrangement(many, MQ, many[:11]).word == "unknown"


def test_where_any_of_several_may_publish_it_is_known_only_if_it_makes_no_difference() -> None:
    assert of_possible([WEB, Machine("web-2")], MQ, [JOBS]).word == "all_apart"
    assert of_possible([WEB, JOBS], MQ, [JOBS]).unknown == ["which of the connections that publish do so to it is not known"]
    assert of_possible([], MQ, [JOBS]).word == "unknown"


def client(peer: str, hostname: str = "") -> Client:
    return Client(f"{peer}:1 -> 10.0.0.2:5672", peer, "rabbit@mq", hostname)


def queue(pk: int, name: str, producer: str, consumer: str, **more: object) -> QueueClients:
    return QueueClients(pk, name, "rabbit@mq", (client(consumer),), (client(producer),) if producer else (), **more)  # type: ignore[arg-type]


def placed(*queues: QueueClients) -> list:
    return flows(queues, Machines([one for each in queues for one in (*each.producers, *each.possible, *each.consumers)], Declared()))


def test_queues_with_the_same_machines_are_one_flow() -> None:
    found = placed(queue(1, "mail", "10.0.0.5", "10.0.0.6"), queue(2, "jobs", "10.0.0.5", "10.0.0.6"), queue(3, "logs", "10.0.0.5", "10.0.0.5"))
    assert [(flow.arrangement.word, flow.queues) for flow in found] == [("producer_with_consumer", ((3, "logs"),)), ("all_apart", ((2, "jobs"), (1, "mail")))]


def test_who_publishes_is_not_guessed_for_somebody_who_may_not_see_it() -> None:
    (flow,) = placed(queue(1, "mail", "", "10.0.0.6", hidden=True))
    assert (flow.arrangement.word, list(flow.arrangement.unknown)) == ("unknown", [NOT_VISIBLE])


def test_what_shares_a_machine_stands_in_one_box_and_an_arrow_crosses_the_network() -> None:
    (together,) = placed(queue(1, "mail", "10.0.0.2", "10.0.0.2"))
    (apart,) = placed(queue(1, "mail", "10.0.0.5", "10.0.0.6"))
    (back,) = placed(queue(1, "mail", "10.0.0.5", "10.0.0.5"))
    assert [(box.whole, [role.kind for role in box.roles]) for box in drawing(together).boxes] == [("mq", ["broker", "producer", "consumer"])]
    assert [arrow.kind for arrow in drawing(together).arrows] == []
    assert [arrow.kind for arrow in drawing(apart).arrows] == ["publish", "deliver"]
    assert [(box.whole, [role.kind for role in box.roles]) for box in drawing(back).boxes] == [("10.0.0.5", ["producer", "consumer"]), ("mq", ["broker"])]
    assert drawing(back).text == "10.0.0.5: 1 producer and 1 consumer; mq: broker"


def test_more_machines_than_there_is_room_for_are_one_box_and_unknown_ones_are_dashed() -> None:
    many = QueueClients(1, "mail", "rabbit@mq", tuple(client(f"10.0.1.{number}") for number in range(9)), ())
    (flow,) = placed(many)
    boxes = drawing(flow).boxes
    assert [box.whole for box in boxes] == ["producers not known", "mq", "10.0.1.0", "10.0.1.1", "7 more machines"]
    assert [box.is_known for box in boxes] == [False, True, True, True, True]
    assert boxes[-1].roles[0].text == "7 consumers"
