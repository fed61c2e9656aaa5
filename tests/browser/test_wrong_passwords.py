"""A stranger who guesses passwords at a real web process: guesses wait, are recorded at a bounded pace, and hold up nobody at another address."""

from __future__ import annotations

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.browser.conftest import Stack
from tests.browser.test_limits import forget_most, most_megabytes

GUESSER, OTHER = "127.0.0.66", "127.0.0.67"
GUESSES, NAMES = 1000, 10


class From(HTTPAdapter):
    """Requests from this address of the machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named, source_address=(self._address, 0))


def log_in(stack: Stack, address: str, name: str, password: str, times: int = 1) -> Counter[int]:
    """How often each status was the answer to this login."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", From(address))
        session.get(f"{stack.url}/login/")
        form = {"login": name, "password": password, "csrfmiddlewaretoken": session.cookies["hareline_csrf"]}
        return Counter(session.post(f"{stack.url}/login/", form, allow_redirects=False).status_code for _ in range(times))


@pytest.mark.nightly  # thirty passwords are checked, each a quarter of a second of the processor
def test_a_thousand_wrong_passwords_wait_while_the_right_one_is_let_in_at_another_address(stack: Stack) -> None:
    pid = stack.hareline.processes[0].pid
    log_in(stack, GUESSER, "nobody", "wrong")  # what the first one loads stays in memory
    forget_most(pid)
    before = most_megabytes(pid)
    names = ["admin", *(f"guessed{number}" for number in range(NAMES - 1))]
    with ThreadPoolExecutor(4) as threads:
        found = sum(threads.map(lambda name: log_in(stack, GUESSER, name, "wrong", GUESSES // NAMES), names), Counter[int]())
    assert set(found) == {200, 429} and found.total() == GUESSES
    assert found[429] > 0.9 * GUESSES
    assert log_in(stack, GUESSER, "admin", stack.hareline.password) == {429: 1}
    assert log_in(stack, OTHER, "admin", stack.hareline.password) == {302: 1}
    assert most_megabytes(pid) < before + 40
    with closing(sqlite3.connect(stack.hareline.directory / "hareline.sqlite3", timeout=60)) as database:
        logged = dict(database.execute("SELECT outcome, count(*) FROM dashboard_auditevent WHERE address = ? GROUP BY outcome", (GUESSER,)))
    assert 0 < logged["failed"] <= found[200] + 1 and 0 < logged["refused"] <= found[200] + NAMES + 2
