"""cleanbroker takes out what is ours, all of it and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from brokers.addresses import BrokerAddress
from brokers.store import installation_id
from tests.conftest import TestNode

pytestmark = pytest.mark.django_db


def clean(*addresses: BrokerAddress, **options: Any) -> str:
    printed = StringIO()
    with override_settings(BROKERS=addresses):
        call_command("cleanbroker", stdout=printed, **options)
    return printed.getvalue()


@pytest.fixture
def ours() -> str:
    return f"hareline.{installation_id(datetime.now(UTC))}"


@pytest.fixture
def kept_and_ours(rabbitmq: TestNode, vhost: str, ours: str) -> tuple[list[str], list[str]]:
    """Queues that stay, and queues of ours; an exchange of ours too."""
    kept, removed = ["mail", "hareline.0000.events", ours, f"my {ours}.events"], [f"{ours}.events", f"{ours}.a/b é<script>"]
    for name in kept + removed:
        rabbitmq.api("PUT", f"queues/{vhost}/{quote(name, safe='')}", {"durable": True})
    rabbitmq.api("PUT", f"exchanges/{vhost}/{ours}.reply", {"type": "fanout"})
    return kept, removed


def names(rabbitmq: TestNode, vhost: str, kind: str) -> list[str]:
    return sorted(found["name"] for found in rabbitmq.api("GET", f"{kind}/{vhost}"))


def test_a_dry_run_lists_and_removes_nothing(rabbitmq: TestNode, vhost: str, ours: str, kept_and_ours: tuple[list[str], list[str]]) -> None:
    kept, removed = kept_and_ours
    printed = clean(rabbitmq.address(), dry_run=True)
    assert [name in printed for name in removed] == [True, True]
    assert printed.count("would be removed") == 3
    assert names(rabbitmq, vhost, "queues") == sorted(kept + removed)


def test_everything_of_ours_is_removed_and_nothing_else(rabbitmq: TestNode, vhost: str, ours: str, kept_and_ours: tuple[list[str], list[str]]) -> None:
    kept, _ = kept_and_ours
    assert clean(rabbitmq.address()).count(" removed\n") == 3
    assert names(rabbitmq, vhost, "queues") == sorted(kept)
    assert f"{ours}.reply" not in names(rabbitmq, vhost, "exchanges")
    assert "nothing of this installation found" in clean(rabbitmq.address())


def test_a_broker_that_fails_is_named_and_the_others_are_cleaned(rabbitmq: TestNode, vhost: str, kept_and_ours: tuple[list[str], list[str]]) -> None:
    with pytest.raises(CommandError, match=r"nowhere: connection refused at 127\.0\.0\.1:9"):
        clean(BrokerAddress("nowhere", ("http://127.0.0.1:9",), "u", "p"), rabbitmq.address())
    assert names(rabbitmq, vhost, "queues") == sorted(kept_and_ours[0])


def test_without_brokers_there_is_nothing_to_clean() -> None:
    with pytest.raises(CommandError, match="HARELINE_BROKERS names no broker"):
        clean()


def test_an_installation_that_never_ran_has_nothing_to_clean(rabbitmq: TestNode) -> None:
    with pytest.raises(CommandError, match="has never run"):
        clean(rabbitmq.address())


def test_virtual_hosts_of_the_lab_are_removed_whole(rabbitmq: TestNode, ours: str) -> None:
    name = f"{ours}.lab.7"
    rabbitmq.api("PUT", f"vhosts/{name}")
    rabbitmq.api("PUT", f"permissions/{name}/{quote(rabbitmq.user)}", {"configure": ".*", "write": ".*", "read": ".*"})
    rabbitmq.api("PUT", f"queues/{name}/{ours}.work", {"durable": True})
    printed = clean(rabbitmq.address())
    assert f"virtual host '{name}' removed" in printed and f"{ours}.work" not in printed
    assert name not in [vhost["name"] for vhost in rabbitmq.api("GET", "vhosts")]
