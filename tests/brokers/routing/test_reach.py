"""What reaches a queue, against routing forward: every example arrives, and nothing arrives on a path that is not listed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.routing.answer import as_json
from brokers.routing.bindings import Question
from brokers.routing.dead_lettering import dead_letter_of, in_flight
from brokers.routing.fields import InvalidQuestion
from brokers.routing.questions import message_of
from brokers.routing.refusals import Message, all_keys
from brokers.routing.reverse_routing.common_keys import KeyPattern, common_keys, key_fits
from brokers.routing.reverse_routing.paths import ALTERNATE, NAME, Chain
from brokers.routing.reverse_routing.reach import DeadLetterPath, Path, Reach, reach
from brokers.routing.reverse_routing.reach_text import reach_answer
from brokers.routing.route import ONE_OF, route
from brokers.routing.trie import words
from brokers.routing.values import table_from_json
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.corpus import ROUTED, VERSIONS, declared, topology
from tests.brokers.routing.test_properties import fits
from tests.every_case import every_case

JSON = dict[str, Any]
PATTERNS = st.lists(st.sampled_from(["a", "b", "any", "", "*", "#"]), max_size=4).map(".".join)
KEYS = st.lists(st.sampled_from(["a", "b", "any", ""]), max_size=4).map(".".join)
HEADERS = st.dictionaries(st.sampled_from(["h", "i", "x-j"]), st.sampled_from([1, 2, "1", True, None, 1.5]), max_size=3)
NAMES = ["e1", "e2", "e3", "e4"]
QUEUES = ["q1", "q2", "q3"]


def host(exchanges: list[JSON], queues: list[JSON], bindings: list[JSON], version: str = "4.0.5") -> VirtualHostRouter:
    return VirtualHostRouter.from_definitions({"exchanges": exchanges, "queues": queues, "bindings": bindings}, version)


def exchange(name: str, kind: str, alternate: str | None = None, internal: bool = False) -> JSON:
    return {"name": name, "type": kind, "internal": internal, "arguments": {"alternate-exchange": alternate} if alternate else {}}


def queue(name: str, **arguments: Any) -> JSON:
    return {"name": name, "arguments": {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}}


def bound(source: str, destination: str, key: str = "", kind: str = "queue", arguments: JSON | None = None) -> JSON:
    return {"source": source, "destination": destination, "destination_type": kind, "routing_key": key, "arguments": arguments or {}}


@st.composite
def hosts(draw: st.DrawFn) -> VirtualHostRouter:
    """Small virtual hosts with all that leads on, in circles too."""
    maybe = st.none() | st.sampled_from(NAMES)
    exchanges = [
        exchange(name, draw(st.sampled_from(["direct", "topic", "topic", "fanout", "headers", "x-random"])), draw(maybe), draw(st.integers(0, 4)) == 0)
        for name in NAMES
    ]
    queues = []
    for name in QUEUES:
        letters = draw(maybe | st.just(""))
        key = draw(st.none() | KEYS | st.sampled_from(QUEUES)) if letters is not None else None
        answer_for = {"dead_letter_exchange": letters, "dead_letter_routing_key": key, "message_ttl": draw(st.none() | st.just(5))}
        queues.append(queue(name, **{field: value for field, value in answer_for.items() if value is not None}))
    ends = st.sampled_from([("queue", name) for name in QUEUES] + [("exchange", name) for name in NAMES])
    bindings = []
    for source, (kind, end), key, pattern, match in draw(
        st.lists(st.tuples(st.sampled_from(NAMES), ends, PATTERNS, HEADERS, st.sampled_from(["all", "any", "all-with-x"])), max_size=12)
    ):
        bindings.append(bound(source, end, key, kind, {**pattern, "x-match": match}))
    return host(exchanges, queues, bindings, draw(st.sampled_from(VERSIONS)))


def taken(router: VirtualHostRouter, legs: Chain, message: Message) -> bool:
    """Whether the message meets every condition of the legs, each by its definition."""
    keys = all_keys(message)
    question = Question.of(keys, message.headers or {}, router.version)
    for leg in legs:
        if leg.leads == NAME and leg.target not in keys:
            return False
        matching = router.exchanges[leg.exchange].index.matching(question) if leg.exchange else set()
        if leg.leads == ALTERNATE and matching:
            return False
        if leg.numbers and not matching & set(leg.numbers) and leg.type not in ONE_OF:
            return False
    return True


def arrives(router: VirtualHostRouter, path: Path | DeadLetterPath, end: str) -> bool:
    assert path.example is not None
    reached = route(router, path.example).queues
    if isinstance(path, Path):
        return end in reached
    letter = dead_letter_of(router, in_flight(path.example, router.version), path.source.queue, path.source.reasons[0])
    return path.source.queue in reached and letter is not None and end in letter.queues


@given(hosts(), st.data())
def test_every_example_arrives(router: VirtualHostRouter, data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(QUEUES))
    found = reach(router, end)
    for path in [*found.paths, *found.dead_letters]:
        assert (path.example is None) <= bool(path.why)
        assert path.example is None or arrives(router, path, end)


@given(hosts(), st.sampled_from([*NAMES, ""]), KEYS | st.sampled_from(QUEUES), HEADERS, st.lists(KEYS, max_size=2))
def test_whatever_arrives_meets_the_conditions_of_a_listed_path(router: VirtualHostRouter, source: str, key: str, headers: JSON, copies: list[str]) -> None:
    message = Message(source, key, table_from_json(headers | ({"CC": copies} if copies else {}), "headers"))
    for end in route(router, message).queues:
        found = reach(router, end)
        assert any(path.legs[0].exchange == source and taken(router, path.legs, message) for path in found.paths)
        letter = dead_letter_of(router, in_flight(message, router.version), end, "rejected")
        for further in letter.queues if letter else ():
            assert letter is not None
            dead = Message(letter.message.exchange, letter.message.keys[0], letter.message.headers | {"CC": message_copies(letter.message.keys)})
            assert further == end or any(path.source.queue == end and taken(router, path.legs, dead) for path in reach(router, further).dead_letters)


def message_copies(keys: tuple[str, ...]) -> Any:
    return table_from_json({"CC": list(keys[1:])}, "headers")["CC"]


@every_case("path", ROUTED, lambda path: path.stem)
def test_what_arrived_in_a_real_broker_is_predicted(path: Any) -> None:
    seen = topology(path)
    router = VirtualHostRouter.from_definitions(declared(seen), "3.10.8")
    answer_for: dict[str, Reach] = {}
    for case in seen["cases"]:
        message = message_of(case)
        outcome = route(router, message)
        for end in outcome.queues if outcome.refusal is None else ():
            found = answer_for.setdefault(end, reach(router, end))
            mine = [path for path in found.paths if path.legs[0].exchange == message.exchange]
            assert any(taken(router, path.legs, message) for path in mine) or found.paths_left_out


@given(st.lists(PATTERNS, min_size=1, max_size=3), KEYS)
def test_common_keys_fit_by_definition_and_are_found_where_there_are_any(patterns: list[str], key: str) -> None:
    wanted = [KeyPattern(pattern) for pattern in patterns]
    found = [one for one, _ in zip(common_keys(wanted), range(20), strict=False)]
    assert all(fits(words(pattern), words(one)) for one in found for pattern in patterns)
    assert all(key_fits(pattern, key) == fits(words(pattern.text), words(key)) for pattern in wanted)
    assert found or not all(fits(words(pattern), words(key)) for pattern in patterns)


SHOP = host(
    [
        exchange("orders", "topic", alternate="unrouted"),
        exchange("unrouted", "fanout", internal=True),
        exchange("every", "fanout", alternate="unrouted"),
        exchange("shop", "direct"),
        exchange("marks", "headers"),
        exchange("late", "x-delayed-message"),
        exchange("spread", "x-consistent-hash"),
    ],
    [
        queue("mail"),
        queue("lost"),
        queue("retry", dead_letter_exchange="shop", message_ttl=500),
        queue("dead", dead_letter_exchange="shop"),
        queue("fixed", dead_letter_exchange="", dead_letter_routing_key="mail", max_length=5),
    ],
    [
        bound("orders", "mail", "order.*.eu"),
        bound("every", "mail"),
        bound("shop", "orders", "order.new.eu", "exchange"),
        bound("shop", "orders", "paid", "exchange"),
        bound("shop", "retry", "order.new.eu"),
        bound("marks", "mail", arguments={"x-match": "all", "level": 1, "source": None}),
        bound("late", "mail", "a"),
        bound("spread", "mail", "1"),
        bound("spread", "lost", "1"),
        bound("unrouted", "lost"),
    ],
)


def answer_for(end: str) -> JSON:
    return as_json(reach_answer(SHOP, reach(SHOP, end)))


def path_from(source: str, end: str) -> JSON:
    [found] = [path for path in answer_for(end)["ways"] if path["exchange"] == source]
    return dict(found)


def test_a_queue_is_reached_by_its_name() -> None:
    path = path_from("", "mail")
    assert path["example"] == {"exchange": "", "routing_key": "mail", "headers": None}
    assert path["legs"][0]["condition"] == "with the name of the queue as routing key, `mail`"


def test_a_pattern_gets_a_key_that_fits_it() -> None:
    path = path_from("orders", "mail")
    assert (path["legs"][0]["condition"], path["example"]["routing_key"], path["certain"]) == ("with a routing key like `order.*.eu`", "order.any.eu", True)


def test_headers_are_shown_and_given_with_their_types() -> None:
    path = path_from("marks", "mail")
    assert path["legs"][0]["condition"] == "with the headers `level` = 1, `source` present"
    assert path["example"]["headers"] == {"level": 1, "source": "any"}


def test_a_key_must_fit_every_exchange_on_the_path() -> None:
    fitting, copied = [path for path in answer_for("mail")["ways"] if path["exchange"] == "shop"]
    assert fitting["example"]["routing_key"] == "order.new.eu"
    assert [leg["condition"] for leg in fitting["legs"]] == ["with the routing key `order.new.eu`", "with a routing key like `order.*.eu`"]
    assert copied["example"] == {"exchange": "shop", "routing_key": "paid", "headers": {"CC": ["order.any.eu"]}}


def test_an_alternate_is_taken_by_what_matches_nothing() -> None:
    path = path_from("orders", "lost")
    assert [leg["leads"] for leg in path["legs"]] == ["alternate", "binding"]
    assert path["legs"][0]["condition"] == "when none of the bindings of exchange orders matches"
    assert path["example"]["routing_key"] == "unmatched"


def test_an_alternate_behind_a_binding_that_matches_everything_is_never_used() -> None:
    path = path_from("every", "lost")
    assert path["example"] is None
    assert path["why"] == "never: the binding from every to queue mail matches every message, so the alternate exchange is never used"


def test_no_client_can_publish_to_an_internal_exchange() -> None:
    assert "unrouted" not in [path["exchange"] for path in answer_for("lost")["ways"]]


def test_a_pick_by_hash_and_a_type_without_known_rules_are_not_certain() -> None:
    picked, unknown = path_from("spread", "mail"), path_from("late", "mail")
    assert (picked["example"] is not None, picked["certain"]) == (True, False)
    assert "by hash or chance" in picked["why"]
    assert unknown["example"] is None
    assert "x-delayed-message, whose rules Hareline does not know" in unknown["why"]


def test_dead_letters_show_their_queue_their_reasons_and_their_key() -> None:
    found = {path["queue"]: path for path in answer_for("mail")["dead_letters"]}
    assert (found["retry"]["reasons"], found["retry"]["key"]) == (["expired", "rejected"], None)
    assert found["retry"]["example"]["routing_key"] == "order.new.eu"
    assert (found["fixed"]["reasons"], found["fixed"]["key"]) == (["maxlen", "rejected"], "mail")
    assert found["fixed"]["example"] == {"exchange": "", "routing_key": "fixed", "headers": None}
    assert found["dead"]["example"]["headers"] == {"CC": ["order.new.eu"]}


def test_the_whole_is_summed_up_in_a_sentence() -> None:
    assert answer_for("mail")["text"] == (
        "orders, every, marks, spread and shop reach mail, as does the default exchange by the name of the queue. Dead letters come from fixed, retry and dead."
    )
    assert answer_for("dead")["text"] == "Only the default exchange reaches dead, by the name of the queue as routing key."


def test_a_missing_queue_is_named() -> None:
    with pytest.raises(InvalidQuestion, match='queue: names no queue: there is no "nope"'):
        reach(SHOP, "nope")


def test_of_very_many_bindings_some_are_listed_and_the_rest_counted() -> None:
    router = host([exchange("t", "topic")], [queue("q")], [bound("t", "q", f"a.{number}") for number in range(100_000)])
    found = as_json(reach_answer(router, reach(router, "q")))
    assert (len(found["ways"]), found["ways_left_out"], found["complete"]) == (101, 99_900, False)
    assert "99,900 more are not listed." in found["text"]


def test_exchanges_bound_to_each_other_all_around_end() -> None:
    names = [f"t{number}" for number in range(40)]
    bindings = [bound(one, other, "#.a.#", "exchange") for one in names for other in names if one != other]
    router = host([exchange(name, "topic") for name in names], [queue("q")], [*bindings, bound("t0", "q", "a.b")])
    found = reach(router, "q")
    assert found.truncated
    assert {path.legs[0].exchange for path in found.paths if path.example} == {*names, ""}


def test_patterns_that_would_take_for_ever_are_given_up() -> None:
    names = [f"t{number}" for number in range(15)]
    bindings = [bound(one, other, ".".join(["#", one] * 8) + ".#", "exchange") for one, other in pairwise(names)]
    router = host([exchange(name, "topic") for name in names], [queue("q")], [*bindings, bound("t14", "q", "#.z")])
    assert any("take too long" in path.why for path in reach(router, "q").paths)
