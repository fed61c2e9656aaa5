"""What an AMQP connection that fails is said to have failed by."""

from __future__ import annotations

import pytest

from workers.amqp_connection import Target, explained
from workers.errors import Unreachable


def test_a_connection_that_times_out_without_a_word_of_its_own_is_said_to_time_out() -> None:
    with pytest.raises(Unreachable, match=r"no AMQP connection to 127\.0\.0\.1:1: timed out$"), explained(Target("amqp://ann:s3cret@127.0.0.1:1//", "/")):
        raise TimeoutError
