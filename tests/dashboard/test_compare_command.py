"""`manage.py compare`: files without a server or a database, recorded brokers, and the exit status for CI."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brokers import store
from brokers.topology import PolicyDefinition, Topology
from dashboard.management.commands.compare import run
from tests.brokers.facts import NOON, a_broker, a_poll, a_topology

ROOT = Path(__file__).parents[2]
FIELD = ROOT / "tests" / "cases" / "field"
OPTIONS = ("file", "broker", "vhost", "at", "with_file", "with_broker", "with_vhost", "with_at")


def program(*arguments: str, data: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
    environment |= {"HARELINE_DATA_DIR": str(data), "HARELINE_BROKERS": "not a url"}
    return subprocess.run([sys.executable, "manage.py", "compare", *arguments], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)


def compare(fail_on: tuple[str, ...] = (), **sides: str) -> tuple[int, dict[str, Any], str]:
    """(exit status, what was written to stdout, and to stderr)."""
    out, err = io.StringIO(), io.StringIO()
    status = run({**dict.fromkeys(OPTIONS), **sides, "fail_on": list(fail_on)}, out, err)
    return status, json.loads(out.getvalue() or "{}"), err.getvalue()


@pytest.fixture
def in_git(tmp_path: Path) -> str:
    definitions = {
        "vhosts": [{"name": "/"}],
        "queues": [{"name": "mail", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {"x-max-length": 5}}],
        "exchanges": [{"name": "orders", "vhost": "/", "type": "topic", "durable": True}],
        "bindings": [{"source": "orders", "vhost": "/", "destination": "mail", "destination_type": "queue", "routing_key": "a", "arguments": {}}],
    }
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps(definitions), encoding="utf-8")
    return str(path)


def test_two_files_need_no_settings_and_no_database(tmp_path: Path) -> None:
    several, one = (str(FIELD / name) for name in ("d09-default-queue-type.json", "d08-4.0-export-pairs-secrets.json"))
    done = program("--file", several, "--with-file", one, "--fail-on", "missing", data=tmp_path)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [item["name"] for item in found["missing"] if item["kind"] == "vhost"] == ["bare", "kept", "lost", "plain"]
    assert b"SECRET" not in done.stdout + done.stderr and list(tmp_path.iterdir()) == []


def test_wrong_calls_exit_with_2_and_nothing_on_stdout(tmp_path: Path) -> None:
    done = program("--fail-on", "everything", data=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"") and b"everything" in done.stderr


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        ({}, "name the first side"),
        ({"file": str(FIELD / "d03-4.1-lazy-stream-policy.json")}, "name the second side"),
        ({"file": "nowhere.json", "with_file": "nowhere.json"}, "can’t be read"),
        ({"file": "manage.py", "with_file": "manage.py"}, "is not JSON"),
        ({"file": "package.json", "with_file": "package.json"}, "not the definitions that RabbitMQ exports"),
        ({"file": str(FIELD / "d03-4.1-lazy-stream-policy.json"), "vhost": "nowhere", "with_file": "package.json"}, "there is no virtual host"),
        ({"file": "-", "with_file": "-"}, "stdin"),
        ({"file": "package.json", "at": "-5min", "with_file": "package.json"}, "no time"),
    ],
)
def test_what_cannot_be_compared_says_why(sides: dict[str, str], why: str) -> None:
    status, found, said = compare(**sides)
    assert (status, found) == (2, {}) and why in said


def test_nothing_fails_where_nothing_differs(in_git: str) -> None:
    status, found, said = compare(("added", "missing", "different"), file=in_git, with_file=in_git)
    assert (status, found["counts"], found["figures"]) == (0, {"added": 0, "missing": 0, "different": 0}, None)
    assert "Nothing differs" in said


def test_the_export_of_one_virtual_host_does_not_need_to_name_it(in_git: str, tmp_path: Path) -> None:
    whole = json.loads(Path(in_git).read_text(encoding="utf-8"))
    own = tmp_path / "one.json"
    own.write_text(
        json.dumps(
            {kind: [{name: value for name, value in row.items() if name != "vhost"} for row in whole[kind]] for kind in ("queues", "exchanges", "bindings")}
        )
    )
    assert compare(("added", "missing", "different"), file=in_git, vhost="/", with_file=str(own))[0] == 0
    status, _, said = compare(file=in_git, with_file=str(own))
    assert status == 2 and "--with-vhost" in said


@pytest.mark.django_db
class TestRecordedBrokers:
    def stored(self, topology: Topology) -> None:
        broker = a_broker()
        store.save_poll(broker.pk, a_poll(NOON), NOON)
        store.save_topology(broker.pk, {"/": topology}, None, None, None, NOON)

    def test_drift_from_a_file(self, in_git: str) -> None:
        self.stored(a_topology(("orders", "b", "mail"), policies=(PolicyDefinition("limits", "", "queues", 0, {"max-length": 9}),)))
        status, found, said = compare(("added",), file=in_git, with_broker="prod")
        assert status == 1
        assert found["counts"] == {"added": 2, "missing": 1, "different": 1}
        assert [item["keys"] for item in found["different"]] == [["arguments.x-max-length"]]
        assert {item["kind"] for item in found["added"]} == {"binding", "policy"}
        assert "No poll of prod was stored" in said  # the poll is of long ago
        assert compare(("missing",), file=in_git, with_broker="prod")[0] == 1

    def test_two_moments_of_a_broker(self) -> None:
        self.stored(a_topology(("orders", "b", "mail")))
        status, found, _ = compare(("added", "missing", "different"), broker="prod", at="2026-05-04T12:00:00Z", with_at="2026-05-04T12:00:04Z")
        assert (status, found["before"]["at"], found["figures"]) == (0, "2026-05-04T12:00:00Z", [])

    @pytest.mark.parametrize(
        ("sides", "why"),
        [
            ({"broker": "nowhere"}, "there are: prod"),
            ({"broker": "prod", "at": "soon"}, "no time"),
            ({"broker": "prod", "at": "2900-01-01"}, "future"),
            ({"broker": "prod", "at": "2026-05-04T11:00:00Z"}, "nothing is recorded of the definitions of prod"),
            ({"broker": "prod", "vhost": "shop"}, "virtual host shop"),
        ],
    )
    def test_a_side_that_is_not_recorded_exits_with_2(self, sides: dict[str, str], why: str) -> None:
        self.stored(a_topology())
        status, found, said = compare(**sides)
        assert (status, found) == (2, {}) and why in said
