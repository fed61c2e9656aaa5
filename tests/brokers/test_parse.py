"""What RabbitMQ answers, as facts: also where it leaves out, puts something else, or is not RabbitMQ."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.errors import BrokerAnswerUnusable
from brokers.management import parse
from brokers.stats import Listener
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, WritePermission

SAMPLES = Path(__file__).parent.parent / "cases" / "management"
VERSIONS = ("3.10.8", "4.0.5")


def sample(version: str, name: str) -> bytes:
    return (SAMPLES / f"{version}-{name}.json").read_bytes()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("version", VERSIONS)
def test_real_queues_just_declared_have_no_figures(version: str) -> None:
    queues = {queue.name: queue for queue in parse.queues(sample(version, "queues"))}
    assert sorted(queues) == ["fire", "full", "q1", "q2"]
    assert (queues["fire"].exclusive, queues["fire"].durable, queues["fire"].type) == (True, False, "classic")
    assert (queues["q2"].arguments or {})["x-message-ttl"] == 60000
    assert all(queue.ready is queue.consumers is queue.policy is queue.published is queue.depth is None for queue in queues.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_real_exchanges_bindings_and_policies(version: str) -> None:
    exchanges = {seen.definition.name: seen for seen in parse.exchanges(sample(version, "exchanges"))}
    assert exchanges["t"].definition == ExchangeDefinition("t", "topic", arguments={"alternate-exchange": "alt"})
    assert exchanges["h"].definition.policy == "xpol"
    assert exchanges["int"].definition.internal
    assert exchanges["t"].stats.published_in is None
    bindings = [seen.definition for seen in parse.bindings(sample(version, "bindings"))]
    assert BindingDefinition("", "q1", "queue", "q1", {}, "q1") in bindings
    assert parse.policies(sample(version, "policies"))[0] == ("fire", PolicyDefinition("pol", "^q", "queues", 1, {"max-length": 100}))


@pytest.mark.parametrize("version", VERSIONS)
def test_real_consumers_and_connections(version: str) -> None:
    (consumer,) = parse.consumers(sample(version, "consumers"))
    assert (consumer.vhost, consumer.queue, consumer.tag, consumer.prefetch, consumer.active) == ("fire", "q1", "my.tag", 0, True)
    assert consumer.channel_name == f"{consumer.connection_name} (3)"
    (connection,) = parse.connections(sample(version, "connections"))
    assert (connection.product, connection.user, connection.tls) == ("Pika Python Client Library 1.4.4", "guest", False)
    assert connection.connected_at is not None
    assert connection.connected_at.year == 2026


def test_a_queue_with_everything() -> None:
    (queue,) = parse.queues(
        as_json(
            [
                {
                    "vhost": "/", "name": "mail", "type": "quorum", "leader": "rabbit@a", "exclusive": None, "messages_ready": 3.0,
                    "messages_unacknowledged": 2, "consumers": 1, "head_message_timestamp": 1795459028, "policy": None,
                    "effective_policy_definition": [], "operator_policy": "op", "backing_queue_status": [], "reductions_details": {"rate": 1.5},
                    "message_stats": {"publish": 10, "publish_details": {"rate": 1.0}, "deliver_get": 9.0, "ack": 8, "redeliver": 1},
                }
            ]
        )
    )  # fmt: skip
    assert (queue.ready, queue.unacknowledged, queue.depth) == (3, 2, 5)
    assert (queue.node, queue.exclusive, queue.policy, queue.operator_policy, queue.effective_policy) == ("rabbit@a", None, "", "op", {})
    assert (queue.published, queue.delivered, queue.acknowledged, queue.redelivered) == (10, 9, 8, 1)
    assert queue.oldest_at == datetime(2026, 11, 23, 18, 37, 8, tzinfo=UTC)


@pytest.mark.parametrize("odd", ["", None, [], {}, "many", True, 1e400, -(2**70), "NaN"])
def test_what_is_no_number_is_unknown(odd: Any) -> None:
    names = ("messages_ready", "messages_unacknowledged", "consumers", "memory", "head_message_timestamp", "message_stats", "arguments", "state")
    body = as_json([{"vhost": "/", "name": "mail", **dict.fromkeys(names, odd)}]).replace(b"Infinity", b"1e400")
    try:
        (queue,) = parse.queues(body)
    except BrokerAnswerUnusable:
        assert b"1e400" in body  # a number that JSON readers may refuse
        return
    assert (queue.ready, queue.depth, queue.consumers, queue.memory_bytes, queue.oldest_at, queue.published) == (None,) * 6


@pytest.mark.parametrize(
    ("reported", "active"),
    [
        ({"consumers": 2, "single_active_consumer_tag": "a"}, 1),
        ({"consumers": 2, "single_active_consumer_tag": None}, 0),
        ({"consumers": 2, "single_active_consumer_tag": ""}, 0),
        ({"consumers": 0, "single_active_consumer_tag": None}, 0),
        ({"consumers": 2}, None),  # as before a quorum queue's first statistics
        ({"consumers": 2, "single_active_consumer_tag": None, "arguments": {}}, None),  # all may be active
    ],
)
def test_which_consumer_is_active_is_known_where_the_queue_reports_it(reported: dict[str, Any], active: int | None) -> None:
    row = {"vhost": "/", "name": "q", "arguments": {"x-single-active-consumer": True}} | reported
    (found,) = parse.queues(json.dumps([row]).encode())
    assert found.active_consumers == active


def test_names_hold_anything() -> None:
    name = '<script>alert("1")</script> 😀 \u202e {"x": 1}'
    assert [queue.name for queue in parse.queues(as_json([{"vhost": name, "name": name}]))] == [name]
    (broken,) = parse.queues(b'[{"vhost": "/", "name": "caf\xe9"}]')
    assert broken.name == "caf\ufffd"


def test_a_single_queue_need_not_repeat_its_name() -> None:
    assert parse.queue(b'{"messages_ready": 1}', "/", "mail").key == ("/", "mail")
    with pytest.raises(BrokerAnswerUnusable, match="unexpected shape"):
        parse.queue(b'{"name": 1}', "/", "mail")


def test_an_overview_with_statistics() -> None:
    overview = parse.overview(
        as_json(
            {
                "rabbitmq_version": "3.10.8", "erlang_version": "25.2.3", "rates_mode": "basic", "node": "rabbit@a", "cluster_name": "c",
                "object_totals": {"queues": 7, "channels": 1.0}, "queue_totals": {"messages_ready": 5, "messages_unacknowledged": 1},
                "message_stats": {"publish": 4, "deliver_get": 3, "ack": 2, "drop_unroutable": 1, "return_unroutable": 2},
                "listeners": [
                    {"node": "rabbit@a", "protocol": protocol, "ip_address": "::", "port": port}
                    for protocol, port in (("amqp", 5672), ("amqp/ssl", 5671), ("amqp/ssl", 5671), ("http/prometheus", 15692), ("mqtt", 1883))
                ],
            }
        )
    )  # fmt: skip
    assert (overview.ready, overview.unacknowledged, overview.published, overview.unroutable) == (5, 1, 4, 3)
    assert overview.listeners == (Listener("rabbit@a", "amqp", 5672), Listener("rabbit@a", "amqp/ssl", 5671))
    assert overview.metrics_port == 15692
    assert overview.object_totals == {"queues": 7, "channels": 1}


def test_an_overview_without_statistics_knows_no_figures() -> None:
    overview = parse.overview(as_json({"management_version": "3.12.0", "disable_stats": True, "rates_mode": "basic", "listeners": []}))
    assert (overview.version, overview.rates_mode) == ("3.12.0", "off")
    assert (overview.ready, overview.published, overview.unroutable, overview.listeners) == (None, None, None, ())


def test_a_node_that_is_down_has_a_name_only() -> None:
    up, down = parse.nodes(as_json([{"name": "rabbit@a", "running": True, "mem_used": 5, "mem_alarm": True}, {"name": "rabbit@b"}]))
    assert (up.running, up.memory_used_bytes, up.memory_alarm) == (True, 5, True)
    assert (down.running, down.memory_used_bytes, down.memory_alarm, down.partitions) == (False, None, None, [])


@pytest.mark.parametrize(("tags", "read"), [(["monitoring"], ["monitoring"]), ("administrator,monitoring", ["administrator", "monitoring"]), (None, [])])
def test_tags_as_all_versions_write_them(tags: Any, read: list[str]) -> None:
    assert parse.user_tags(as_json({"name": "ann", "tags": tags})) == read


def test_permissions_by_name_and_by_topic() -> None:
    permission = {"user": "bob", "vhost": "/", "configure": "a", "write": "^shop", "read": "c"}
    assert parse.permissions(as_json([permission])) == [WritePermission("/", "bob", "^shop", None, "a", "c")]
    assert parse.topic_permissions(as_json([permission | {"exchange": "orders"}])) == [WritePermission("/", "bob", "^shop", "orders", None, "c")]


def test_users_have_their_tags_and_of_their_passwords_only_whether_they_were_changed() -> None:
    listed = [{"name": "bob", "tags": "a,b", "password_hash": "c2FsdA=="}, {"name": "ü", "tags": ["c"]}, {"name": "x", "tags": "", "password_hash": ""}]
    found, other = parse.users(as_json(listed)), parse.users(as_json([listed[0] | {"password_hash": "b3RoZXI="}]))
    assert {name: one.tags for name, one in found.items()} == {"bob": ["a", "b"], "ü": ["c"], "x": []}
    assert (found["ü"].password_mark, found["x"].password_mark) == (None, "")
    assert found["bob"].password_mark and found["bob"].password_mark != other["bob"].password_mark and "c2FsdA" not in repr(found)


def test_clients_that_come_or_go_are_left_out_and_half_known_ones_kept() -> None:
    assert parse.connections(as_json([{"name": "c"}, {}, {"name": "c", "vhost": "/", "client_properties": []}]))[0].product == ""
    assert parse.channels(as_json([{"name": "c (1)", "vhost": "/", "number": 1, "connection_details": []}])) == []
    (consumer,) = parse.consumers(as_json([{"queue": {"name": "mail", "vhost": "/"}, "channel_details": []}, {"queue": []}]))
    assert (consumer.queue, consumer.connection_name, consumer.peer_port) == ("mail", "", None)


def test_a_channel_has_both_prefetches() -> None:
    seen = {"name": "c (1)", "vhost": "/", "number": 1, "connection_details": {"name": "c"}, "prefetch_count": 0, "global_prefetch_count": 10}
    (channel,) = parse.channels(as_json([seen]))
    assert (channel.connection_name, channel.prefetch, channel.global_prefetch, channel.confirms) == ("c", 0, 10, None)


def test_who_publishes() -> None:
    incoming = [{"channel_details": {"connection_name": "c", "peer_host": "h", "user": "u"}, "stats": {"publish_details": {"rate": 2}}}, {"stats": []}]
    assert parse.publishers(as_json({"incoming": incoming})) == [
        {"connection": "c", "host": "h", "user": "u", "per_second": 2.0},
        {"connection": "", "host": "", "user": "", "per_second": None},
    ]
    assert parse.publishers(b"{}") == []


def test_depths_of_prometheus_with_names_as_they_are() -> None:
    text = """# TYPE rabbitmq_detailed_queue_messages_ready gauge
rabbitmq_detailed_queue_messages_ready{vhost="/",queue="a",queue="b"} 1
rabbitmq_detailed_queue_messages_ready{vhost="/",queue="é"} 2"} 3
rabbitmq_detailed_queue_messages_unacked{vhost="/",queue="é"} 2"} 4
rabbitmq_detailed_queue_messages{vhost="/",queue="é"} 2"} 7
rabbitmq_detailed_queue_process_reductions_total{vhost="/",queue="r"} 7
rabbitmq_detailed_queue_consumers{vhost="v",queue="q"} 2
"""
    assert parse.DepthsReader().read(text.encode())[0] == {
        ("/", 'a",queue="b'): (1, None, None),
        ("/", 'é"} 2'): (3, 4, None),
        ("v", "q"): (None, None, 2),
    }
    assert parse.DepthsReader().read(b"<html>")[0] == {}


@pytest.mark.parametrize(
    ("version", "written", "name"),
    [
        ("4.0.5", r"odd\",queue=\"one", 'odd",queue="one'),
        ("3.13.0", r"a\\b", r"a\b"),
        ("3.12.7", r"a\"b", 'a"b'),
        ("3.12.1", r"""a"b\c""", r"""a"b\c"""),
        ("3.10.8", r"a\\b", r"a\\b"),
        (None, r"a\"b", 'a"b'),
        (None, r"""a"\b""", r"""a"\b"""),
    ],
)
def test_depths_of_prometheus_with_names_that_later_versions_escape(version: str | None, written: str, name: str) -> None:
    text = f'rabbitmq_detailed_queue_messages_ready{{vhost="/",queue="{written}"}} 1\n'
    if version:
        text += f'rabbitmq_build_info{{rabbitmq_version="{version}",prometheus_plugin_version="{version}"}} 1\n'
    assert parse.DepthsReader().read(text.encode())[0] == {("/", name): (1, None, None)}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'"text"', b"null", b"[[1]]", b"\xff\xfe", b'[{"name": "no vhost"}]'])
def test_what_is_no_list_of_queues_is_unusable(body: bytes) -> None:
    with pytest.raises(BrokerAnswerUnusable):
        parse.queues(body)


_anything = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(_anything)
def test_any_json_is_either_read_or_unusable(value: Any) -> None:
    body = json.dumps(value).encode()
    for read in (parse.overview, parse.nodes, parse.queues, parse.exchanges, parse.bindings, parse.policies, parse.consumers, parse.connections,
                 parse.channels, parse.publishers, parse.vhosts, parse.user_tags, parse.permissions, parse.topic_permissions):  # fmt: skip
        try:
            read(body)
        except BrokerAnswerUnusable:
            continue
    assert isinstance(parse.reason(body), str)


@given(st.dictionaries(st.sampled_from(["messages_ready", "consumers", "message_stats", "arguments", "type", "node", "head_message_timestamp"]), _anything))
def test_no_value_of_a_queue_hides_the_queue(values: dict[str, Any]) -> None:
    body = json.dumps([{"vhost": "/", "name": "mail", **values}]).encode()
    try:
        assert [queue.key for queue in parse.queues(body)] == [("/", "mail")]
    except BrokerAnswerUnusable:  # NaN, infinities and lone surrogates are no JSON
        with pytest.raises((ValueError, UnicodeError)):
            json.dumps(values, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("reported", "default"),
    [
        ({}, ""),
        ({"default_queue_type": "undefined"}, "undefined"),
        ({"default_queue_type": "undefined", "metadata": {"tags": []}}, "undefined"),
        ({"default_queue_type": "quorum", "metadata": {"default_queue_type": "quorum"}}, "quorum"),
        ({"default_queue_type": "undefined", "metadata": {"default_queue_type": "stream"}}, "stream"),
        ({"metadata": {"default_queue_type": "rabbit_quorum_queue"}}, "quorum"),
        ({"default_queue_type": None, "metadata": []}, ""),
        ({"default_queue_type": ["quorum"], "metadata": "x"}, ""),
    ],
)
def test_the_default_queue_type_of_a_virtual_host_is_read_from_both_places(reported: dict[str, Any], default: str) -> None:
    (vhost,) = parse.vhosts(as_json([{"name": "/", "tracing": True, **reported}]))
    assert (vhost.tracing, vhost.default_queue_type) == (True, default)


@pytest.mark.parametrize(("reported", "priority"), [(1, 1), (1.5, 1.5), (2.0, 2), (-0.25, -0.25), (None, 0), ("", 0), (True, 0), (1e300, 1e300)])
def test_the_priority_of_a_policy_may_be_a_fraction(reported: Any, priority: float) -> None:
    ((_, policy),) = parse.policies(as_json([{"vhost": "/", "name": "p", "pattern": "", "apply-to": "all", "definition": {}, "priority": reported}]))
    assert (policy.priority, type(policy.priority)) == (priority, float if isinstance(priority, float) and priority != 1e300 else int)


def lines_of(gauges: dict[str, dict[str, int]]) -> bytes:
    """As the plugin writes them: a comment before each gauge."""
    found = []
    for gauge, values in gauges.items():
        found.append(f"# TYPE rabbitmq_detailed_queue_{gauge} gauge")
        found += [f'rabbitmq_detailed_queue_{gauge}{{vhost="/",queue="{name}"}} {value}' for name, value in values.items()]
    return ("\n".join(found) + "\n").encode()


def test_of_a_further_answer_of_a_node_only_the_lines_that_changed_are_read_and_the_depths_are_those_of_the_whole() -> None:
    reader, ready, unacked, consumers = parse.DepthsReader(), {"a": 1, "b": 2}, {"a": 0, "b": 0}, {"a": 1, "b": 0}
    everything = {"messages_ready": ready, "messages_unacked": unacked, "consumers": consumers}
    assert reader.read(lines_of(everything)) == ({("/", "a"): (1, 0, 1), ("/", "b"): (2, 0, 0)}, None)
    assert reader.read(lines_of(everything))[1] == set()
    without = {"messages_ready": {"a": 1, "b": 7}, "messages_unacked": {"a": 3, "b": 0}}
    assert reader.read(lines_of(without)) == ({("/", "a"): (1, 3, 1), ("/", "b"): (7, 0, 0)}, {("/", "a"), ("/", "b")})
    assert reader.read(lines_of({**without, "consumers": {"a": 1, "b": 4}})) == ({("/", "a"): (1, 3, 1), ("/", "b"): (7, 0, 4)}, {("/", "b")})
    assert reader.read(lines_of({"messages_ready": {"a": 1, "c": 7}, "messages_unacked": {"a": 3, "c": 0}})) == (
        {("/", "a"): (1, 3, 1), ("/", "c"): (7, 0, None)},
        None,
    )
    assert reader.read(b"") == ({}, None)


@given(st.lists(st.dictionaries(st.sampled_from(["a", 'b"', "c\\", "d,queue="]), st.integers(0, 3)), max_size=6))
def test_answers_read_one_after_the_other_are_those_read_by_themselves(answers: list[dict[str, int]]) -> None:
    reader = parse.DepthsReader()
    for answer in answers:
        body = lines_of({"messages_ready": answer, "messages_unacked": answer, "consumers": answer})
        assert reader.read(body)[0] == parse.DepthsReader().read(body)[0]
