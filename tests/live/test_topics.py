"""Names of topics: quoted, bounded, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.topics import BROKER, CONNECTIONS, EXCHANGES, QUEUES, TASKS, WORKERS, Topic, parse, row_id


@pytest.mark.parametrize(
    "name",
    [
        "",
        "broker",
        "broker/",
        "broker/0",
        "broker/01",
        "broker/x",
        "broker/1/%2F",
        "queues/1",
        "queues/1/",
        "queues/1/a/b",
        "tasks/1",
        "findings/1/%2F",
        "queues/-1/a",
        "broker/1\n",
        "broker/" + "9" * 30,
    ],
)
def test_nothing_else_is_a_topic(name: str) -> None:
    assert parse(name) is None


@given(
    st.sampled_from([QUEUES, EXCHANGES, WORKERS, TASKS, CONNECTIONS]),
    st.integers(1, 10**17),
    st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()),
)
def test_any_virtual_host_comes_back_from_its_name(kind: str, broker_id: int, vhost: str) -> None:
    topic = Topic(kind, broker_id, vhost)
    assert parse(topic.name) == topic


@pytest.mark.parametrize(
    ("topic", "key", "found"),
    [
        (Topic(QUEUES, 1, "/"), "queue-17", ("queue", 17)),
        (Topic(QUEUES, 1, "/"), "queue-0", None),
        (Topic(QUEUES, 1, "/"), "queue-17 ", None),
        (Topic(QUEUES, 1, "/"), "exchange-17", None),
        (Topic(TASKS, 1, "/"), "task-5", ("task", 5)),
        (Topic(TASKS, 1, "/"), "worker-5", None),
        (Topic(BROKER, 1), "node-2", ("node", 2)),
        (Topic(BROKER, 1), "broker-1", ("broker", 1)),
        (Topic(WORKERS, 1, "/"), "worker-" + "9" * 30, None),
    ],
)
def test_a_row_belongs_to_the_topics_of_its_kind(topic: Topic, key: str, found: tuple[str, int] | None) -> None:
    assert row_id(topic, key) == found
