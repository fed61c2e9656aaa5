"""Which of Hareline's processes are missed, which are set up differently, and which are of another version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokers.models import Heartbeat
from brokers.polling import leases
from dashboard import environment
from dashboard.operations import processes, readiness

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECRET = "x" * 40


def beat(kind: str, pid: int, ago: float = 0, started: float = 600, ended: float | None = None, version: str | None = "1", **facts: object) -> Heartbeat:
    """`ago`: seconds since its last heartbeat; `started`, `ended`: seconds ago."""

    def moment(seconds: float) -> datetime:
        return NOON - timedelta(seconds=seconds)

    reported = {"secret": "s", "configuration": {}, **facts}
    ended_at = None if ended is None else moment(ended)
    return Heartbeat(kind=kind, holder=f"elsewhere:{pid}:1-a", at=moment(ago), started_at=moment(started), ended_at=ended_at, version=version, facts=reported)


def missing(*beats: Heartbeat) -> list[str]:
    return [found.holder.split(":")[1] for found in processes.gone(beats, NOON)]


@pytest.mark.parametrize(
    ("beats", "found"),
    [
        ([], []),
        ([beat("web", 1), beat("web", 2, ago=15)], []),
        ([beat("web", 1), beat("web", 2, ago=16)], ["2"]),
        ([beat("web", 1), beat("web", 2, ago=16, ended=12)], []),  # in good order
        ([beat("web", 1), beat("web", 2, ago=31 * 60)], []),  # long ago
        ([beat("web", 1, started=15), beat("web", 2, ago=16)], []),  # started in its place
        ([beat("web", 1, started=17), beat("web", 2, ago=16)], ["2"]),  # ran beside it
        ([beat("poller", 1, started=10), beat("web", 2, ago=16)], ["2"]),
        ([beat("web", 1, started=10), beat("web", 2, ago=30), beat("web", 3, ago=40)], ["2"]),  # one for two
        ([beat("web", 1, started=20), beat("web", 2, ago=21, started=39), beat("web", 3, ago=40)], []),  # one after another
        ([beat("web", 1, ago=20, started=29), beat("web", 2, ago=30)], ["1"]),  # the one that was started in its place is gone too
    ],
)
def test_a_process_is_missed_until_one_was_started_in_its_place(beats: list[Heartbeat], found: list[str]) -> None:
    assert missing(*beats) == found
    assert missing(*reversed(beats)) == found


def test_two_of_a_kind_and_one_that_died_are_named() -> None:
    beats = [beat("poller", 1), beat("poller", 2, ago=40), beat("receiver", 3)]
    assert processes.gone_text("poller", beats, NOON, "") == (
        "process 2 last stored a heartbeat 40 s ago: killed, stuck or cut off, and none was started in its place; 1 other of its kind runs"
    )
    assert processes.gone_text("receiver", beats, NOON, "") == ""
    assert processes.gone_text("poller", beats, NOON, beats[1].holder) == ""  # which answers, so it lives


def test_a_kind_that_was_stopped_in_good_order_is_named_as_stopped() -> None:
    found = readiness.processes([beat("poller", 1, ago=40, ended=38), beat("receiver", 2, ago=40)], NOON)
    assert (found["poller"], found["receiver"]) == ("was stopped 38 s ago", "last stored a heartbeat 40 s ago")


def test_what_each_of_several_processes_cant_do_is_reported() -> None:
    one, two = beat("poller", 1), beat("poller", 2)
    two.problem = "the thread of a broker is stuck"
    assert readiness.processes([one, two], NOON)["poller"] == readiness.processes([two, one], NOON)["poller"] == two.problem


def test_another_secret_or_configuration_is_named_and_the_settings_of_one_kind_only_within_it() -> None:
    same = {"configuration": {"HARELINE_BROKERS": "a", "HARELINE_PUBLIC_URL": "u"}}
    beats = [beat("web", 1, **same), beat("web", 2, **same), beat("poller", 3, configuration={"HARELINE_BROKERS": "a"})]
    assert processes.conflicts(beats, NOON) == []
    other = beat("receiver", 4, configuration={"HARELINE_BROKERS": "b"})
    assert processes.conflicts([*beats, other], NOON) == ["receiver process 4 has another HARELINE_BROKERS than the others"]
    assert processes.conflicts([*beats, beat("web", 5, configuration={"HARELINE_BROKERS": "a"})], NOON) == [
        "web process 5 has another HARELINE_PUBLIC_URL than the others"
    ]
    assert processes.conflicts([*beats, beat("web", 6, secret="other")], NOON) == [
        "web process 6 has another secret key than the others: give all the same HARELINE_SECRET_KEY"
    ]
    assert processes.conflicts([*beats, beat("web", 6, ago=60, secret="other")], NOON) == []


def test_a_start_that_differs_from_what_runs_is_named_at_once() -> None:
    own = leases.Facts(NOON, "1", [], {"secret": "other", "configuration": {}})
    assert processes.start_text(own, [beat("web", 1)], NOON).startswith("what starts here has another secret key than the others")
    assert processes.start_text(own, [], NOON) == processes.start_text(own, [beat("web", 1, secret="other")], NOON) == ""


def test_other_versions_are_named_while_they_run() -> None:
    beats = [beat("web", 1), beat("poller", 2, version="0.9"), beat("receiver", 3, version=None), beat("maintenance", 4, version="0.9", ended=0)]
    assert processes.versions_text(beats, NOON, "1") == (
        "This process runs Hareline 1; poller process 2 0.9, receiver process 3 an older one. Start those with this version too."
    )
    assert processes.versions_text(beats[:1], NOON, "1") == ""


def test_fingerprints_show_no_secret_and_differ_with_what_must_be_shared() -> None:
    variables = {"HARELINE_BROKERS": "http://u:p@a:15672", "HARELINE_PORT": "8001", "HARELINE_CELERY_APP": "a:b", "HARELINE_BROKER_AMQP_PROD": "amqp://x"}
    variables |= {"HARELINE_OIDC_CORP_ISSUER": "https://id", "HARELINE_PROXY_USER_HEADER": "x-remote-user", "HARELINE_ANONYMOUS_ROLE": "viewer"}
    found = environment.shared_fingerprints(variables, SECRET)
    assert sorted(found) == sorted(set(variables) - {"HARELINE_PORT"})
    assert {len(value) for value in found.values()} == {16}
    assert environment.shared_fingerprints(variables, SECRET) == found
    changed = environment.shared_fingerprints({**variables, "HARELINE_BROKERS": "http://u:q@a:15672"}, SECRET)
    assert {name for name in found if found[name] != changed[name]} == {"HARELINE_BROKERS"}
    assert environment.shared_fingerprints(variables, SECRET + "y")["HARELINE_BROKERS"] != found["HARELINE_BROKERS"]
    assert environment.secret_fingerprint(SECRET) not in SECRET


def test_a_secret_of_the_environment_is_used_and_a_short_one_refused(tmp_path: object) -> None:
    assert environment.secret_key({"HARELINE_SECRET_KEY": SECRET}, tmp_path) == SECRET  # type: ignore[arg-type]
    with pytest.raises(ImproperlyConfigured, match="HARELINE_SECRET_KEY: expected at least 32"):
        environment.secret_key({"HARELINE_SECRET_KEY": "short"}, tmp_path)  # type: ignore[arg-type]
    assert environment.secret_key({"HARELINE_SECRET_KEY": "short", "HARELINE_ALLOW_UNSAFE": "weak-secrets"}, tmp_path) == "short"  # type: ignore[arg-type]
