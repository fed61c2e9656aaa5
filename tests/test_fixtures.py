"""The suite's own tools do what they promise."""

from __future__ import annotations

import http.client
import inspect
import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from dashboard.models import User
from tests.conftest import TestNode
from tests.every_case import every_case
from tests.fault_server import Answer, FaultServer
from tests.scheduling import COMPUTING, TOGETHER, WAITING, collects, computes, rank, unit
from tests.waiting import wait_until
from tests.workers.conftest import GUARD

ROOT = Path(__file__).parent.parent


def get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
        return answer.status, answer.read()


def test_the_private_node_answers_with_a_virtual_host_for_the_test(rabbitmq: TestNode, vhost: str) -> None:
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    assert [queue["name"] for queue in rabbitmq.api("GET", f"queues/{vhost}")] == ["mail"]


def test_the_private_node_has_no_guest_and_listens_on_the_loopback_only(rabbitmq: TestNode) -> None:
    assert [user["name"] for user in rabbitmq.api("GET", "users") if user["name"] == "guest"] == []
    for port in rabbitmq.ports.values():  # a listener on every interface would accept on this second loopback address
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.django_db(transaction=True)
def test_a_flush_empties_the_search_index_of_tasks_too() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO workers_task_words (rowid, words) VALUES (1, 'another')")
        call_command("flush", verbosity=0, interactive=False)
        assert cursor.execute("SELECT count(*) FROM workers_task_words").fetchone() == (0,)


@pytest.mark.nightly  # test_rabbitmq_program.py and the runs of faults stop nodes and start them
def test_a_node_that_was_killed_starts_again_with_its_data_and_ports_and_one_that_stopped_leaves_no_process(own_rabbitmq: TestNode) -> None:
    own_rabbitmq.api("PUT", "queues/%2F/mail", {"durable": True})
    ports = own_rabbitmq.ports
    own_rabbitmq.kill()
    with pytest.raises(urllib.error.URLError):
        own_rabbitmq.api("GET", "overview")
    own_rabbitmq.start()
    assert own_rabbitmq.ports == ports
    assert [queue["name"] for queue in own_rabbitmq.api("GET", "queues/%2F")] == ["mail"]

    pids = own_rabbitmq.running_pids
    assert len(pids) == 3
    own_rabbitmq.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_node_goes_with_its_pool_when_the_tests_are_gone() -> None:
    node = subprocess.Popen(["/bin/sh", "-c", "sleep 600 & wait"], start_new_session=True)
    guard = subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(node.pid)], stdin=subprocess.PIPE)
    guard.communicate(timeout=60)  # closes the pipe, as the end of the process that holds it does
    assert node.wait(60) == -signal.SIGKILL


def test_the_fault_server_gives_its_answers_in_turn(fault_server: FaultServer) -> None:
    fault_server.answer("/api/nodes", [], Answer(status=200, body=b"not JSON"))
    assert get(f"{fault_server.url}/api/nodes") == (200, b"[]")
    assert get(f"{fault_server.url}/api/nodes?a=1") == (200, b"not JSON")
    assert [requests.query for requests in fault_server.requests] == ["", "a=1"]


def test_the_fault_server_cuts_and_resets(fault_server: FaultServer) -> None:
    fault_server.answer("/cut", body=b"0123456789", cut_after=4)
    fault_server.answer("/reset", reset=True)
    with pytest.raises(http.client.IncompleteRead):
        get(f"{fault_server.url}/cut")
    with pytest.raises(OSError):
        get(f"{fault_server.url}/reset")


@pytest.mark.django_db(transaction=True)
def test_another_thread_sees_the_database_of_the_test() -> None:
    User.objects.create(username="ann")
    seen: list[int] = []

    def look() -> None:
        seen.append(User.objects.count())
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(60)
    assert seen == [1]


def test_waiting_without_success_reports_the_last_answer() -> None:
    with pytest.raises(AssertionError, match="the last answer was 0"):
        wait_until(lambda: 0, seconds=0.05)


def test_every_case_that_is_wrong_is_reported_by_its_name() -> None:
    tried: list[int] = []

    @every_case("number", [1, 2, 3, 4], "case {}".format)
    def even(number: int, fixture: str) -> None:
        tried.append(number)
        assert number % 2 == 0, fixture

    with pytest.raises(AssertionError, match=r"(?s)2 of 4 cases.*case 1.*of a fixture.*case 3"):
        even(fixture="of a fixture")
    assert (tried, list(inspect.signature(even).parameters)) == ([1, 2, 3, 4], ["fixture"])


def test_modules_that_wait_and_those_that_compute_are_there_and_begin_in_processes_of_their_own() -> None:
    named = [*WAITING, *COMPUTING, *(name for names in TOGETHER.values() for name in names)]
    assert [name for name in named if not list(ROOT.glob(f"{name}*"))] == []
    assert [computes(f"gw{number}", 6) for number in range(6)] == [False] * 4 + [True] * 2
    assert not any(computes(f"gw{number}", 4) for number in range(4))
    for path in ("tests/browser/test_map.py", "tests/pages/test_queues.py"):
        assert [collects(path, process, 6) for process in ("gw0", "gw5")] == [path.startswith(WAITING), not path.startswith(WAITING)]
        assert collects(path, "gw3", 4)
    assert rank("tests/browser/test_map.py") < rank("tests/browser/test_broker_stopped.py") < rank(COMPUTING[0]) < rank("tests/pages/test_queues.py")
    assert unit("tests/browser/test_map.py::test_a") == unit("tests/browser/test_why.py::test_b") == "browser"
    assert unit("tests/pages/test_queues.py::test_a[1]") == "tests/pages/test_queues.py"
