"""The arguments with which the web process starts daphne."""

from __future__ import annotations

import doctest

import pytest
from twisted.internet import endpoints

from dashboard import web


def test_the_examples_hold() -> None:
    assert doctest.testmod(web).failed == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "[::1]", "localhost"])
def test_every_address_is_one_that_twisted_reads(host: str) -> None:
    option, description, *others = web.with_backlog(["-v", "0", "--application-close-timeout", "2", "-b", host, "-p", "8000"])
    kind, positional, named = endpoints._parseServer(description, None)
    assert (option, kind, positional, named) == ("-e", "TCP", (8000, positional[1]), named)
    assert (named["interface"], named["backlog"]) == (host.strip("[]"), 1024)
    assert others == ["-v", "0", "--application-close-timeout", "2"]


def test_without_a_port_the_arguments_stay() -> None:
    assert web.with_backlog(["--fd", "3"]) == ["--fd", "3"]
