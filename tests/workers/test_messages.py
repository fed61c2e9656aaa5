"""Celery's messages decoded: the samples are what Celery 5 really published, protocol 1 and 2, in every serializer and compression."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import messages
from workers.messages import Message

SAMPLES: dict[str, Any] = json.loads((Path(__file__).parent.parent / "cases/celery/messages.json").read_text())


def sample(name: str, position: int = 0) -> Message:
    found = SAMPLES[name][position]
    body = found["body"]
    raw = base64.b64decode(body["base64"]) if isinstance(body, dict) else body
    return messages.decode(raw, found["properties"])


@pytest.mark.parametrize("name", [name for name, found in SAMPLES.items() if isinstance(found, list)])
def test_task_and_id_of_every_sample_are_read(name: str) -> None:
    message = sample(name)
    assert message.protocol == (1 if name.startswith("v1") else 2)
    assert message.task
    assert message.id == SAMPLES[name][0]["properties"]["correlation_id"]
    assert bool(message.problem) == ("pickle" in name)


@pytest.mark.parametrize("name", ["v2_json", "v1_json", "v2_yaml", "v2_msgpack", "v2_zlib", "v2_gzip_alias", "v2_bzip2", "v2_lzma"])
def test_arguments_are_the_same_however_they_travel(name: str) -> None:
    message = sample(name)
    assert isinstance(message.args, list)
    assert isinstance(message.kwargs, dict)


def test_protocol_2_has_limits_eta_and_the_sender() -> None:
    message = sample("v2_eta")
    assert message.eta == "2030-01-01T00:00:00+00:00"
    assert message.time_limits == (30, 20)
    assert message.origin


def test_a_chain_is_among_the_follow_ups() -> None:
    assert "chain" in sample("v2_chain").follow_ups


@pytest.mark.parametrize("name", ["v1_pickle", "v2_pickle"])
def test_a_pickled_body_is_described_and_never_loaded(name: str) -> None:
    message = sample(name)
    assert message.task == "tasks.add"
    assert message.args is None
    assert "not loaded" in message.problem


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("the pickle was loaded",))


@pytest.mark.parametrize("headers", [{}, {"task": "a", "id": "1", "argsrepr": "(1,)"}])
def test_a_pickle_that_would_run_code_does_not(headers: dict[str, Any]) -> None:
    message = messages.decode(pickle.dumps(["text", Bomb()]), {"content_type": "application/x-python-serialize", "headers": headers})
    assert "not loaded" in message.problem
    assert "text" in message.pickled_texts


def test_what_unpacks_to_very_much_is_not_unpacked() -> None:
    headers = {"task": "a", "id": "1", "compression": "application/x-gzip"}
    message = messages.decode(zlib.compress(b"0" * (messages.LARGEST_BODY_BYTES * 4)), {"content_type": "application/json", "headers": headers})
    assert "unpacks to more than" in message.problem
    assert message.task == "a"


@pytest.mark.parametrize(
    ("body", "properties", "words"),
    [
        (b"{", {"content_type": "application/json"}, "not the json that it claims"),
        (b"\xff\xfe", {"content_type": "application/json"}, "not the json"),
        (b"[" * 100_000, {"content_type": "application/json"}, "not the json"),
        (b"{}", {"content_type": "application/json"}, "not a Celery task"),
        (b"[1]", {"content_type": "application/json", "headers": {"task": "a"}}, "not [args, kwargs, options]"),
        (b"[1, 2, 3]", {"content_type": "application/json", "headers": {"task": "a"}}, "neither a list nor an object"),
        (b"x", {"content_type": "image/png", "headers": {"task": "a"}}, "image/png"),
        (b"x", {"content_type": "application/json", "headers": {"task": "a", "compression": "gzip"}}, "is not"),
        (b"x", {"content_type": "application/json", "headers": {"task": "a", "compression": "brotli"}}, "not read here"),
        (b"a: &a [*a, *a]", {"content_type": "application/x-yaml", "headers": {"task": "a"}}, "references"),
        (b"", {"headers": "no headers"}, "not the json"),
    ],
)
def test_what_cannot_be_read_is_named(body: bytes, properties: dict[str, Any], words: str) -> None:
    assert words in messages.decode(body, properties).problem


@given(
    st.binary(max_size=200),
    st.sampled_from(["application/json", "application/x-yaml", "application/x-msgpack", "application/x-python-serialize", None, "x"]),
    st.dictionaries(
        st.sampled_from(["task", "id", "retries", "timelimit", "compression", "eta"]), st.none() | st.integers() | st.text() | st.lists(st.integers())
    ),
)
def test_nothing_that_a_sender_writes_raises(body: bytes, content_type: str | None, headers: dict[str, Any]) -> None:
    assert isinstance(messages.decode(body, {"content_type": content_type, "headers": headers}), Message)
