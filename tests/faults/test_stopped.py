"""A process that stands still is named with the age of its last heartbeat, where people and machines look, until it goes on."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from script.soak_parts.pages import opened
from tests.faults.conftest import Field
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(900)  # the first one starts the node and the processes, on a machine that may be busy
NOTICE = "Hareline’s rules do not look at"


@pytest.mark.nightly
def test_a_stopped_maintenance_process_is_named_with_its_age_until_it_goes_on(field: Field) -> None:
    look = opened(field.stack)
    wait_until(lambda: NOTICE not in look("/"), seconds=60)  # a fault before this one may have stopped it
    with field.stack.paused("maintenance"):
        with closing(sqlite3.connect(field.stack.database, timeout=20)) as database, database:  # as if it had stood still for longer
            database.execute("UPDATE brokers_heartbeat SET at = datetime(at, '-40 seconds') WHERE kind = 'maintenance'")
            database.execute("UPDATE dashboard_findinground SET at = datetime(at, '-40 seconds')")
        status, answer = field.stack.get("/readyz")
        assert status == 503 and re.fullmatch(r"last stored a heartbeat (4\d|5\d) s ago", answer["parts"]["maintenance"]["reason"]), answer
        wait_until(lambda: NOTICE in look("/"), seconds=60)  # what is open is kept for some seconds by the web process
    wait_until(lambda: field.stack.get("/readyz")[0] == 200, seconds=60)
    wait_until(lambda: NOTICE not in look("/"), seconds=60)
