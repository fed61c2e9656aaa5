"""What tests of the outbox begin with."""

from __future__ import annotations

import pytest

from tests.notifications.outbox import Maintenance, Receiver


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def maintenance(receiver: Receiver) -> Maintenance:
    return Maintenance(receiver)
