"""The supervisor's configuration, and what stops a start before it begins."""

from __future__ import annotations

import configparser
import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from script.supervised import DEMO, HARELINE, PYTHON, choose_port, configuration, hareline, number_of, refuse_second_start, web


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def test_the_broker_of_the_demo_starts_first_and_stops_last() -> None:
    parsed = read(configuration((*HARELINE, web("127.0.0.1", 8000), *DEMO), Path("/data"), quiet=True))
    order = sorted((int(parsed[section]["priority"]), section) for section in parsed.sections() if section.startswith("group:"))
    assert [section for _, section in order] == ["group:broker", "group:hareline", "group:demo", "group:announcement"]


def test_all_processes_have_thirty_seconds_to_stop_at_most() -> None:
    slowest = {stage: max(program.stop_seconds for program in (*HARELINE, *DEMO) if program.stage == stage) for stage in ("broker", "hareline", "demo")}
    assert sum(slowest.values()) < 30


def test_who_ends_since_its_port_is_taken_is_not_started_again_and_all_others_are() -> None:
    parsed = read(configuration((*HARELINE, web("127.0.0.1", 8000), *DEMO), Path("/data"), quiet=True))
    programs = {section: parsed[section] for section in parsed.sections() if section.startswith("program:")}
    given_up = {section for section, program in programs.items() if (program["autorestart"], program.get("exitcodes")) == ("unexpected", "98")}
    assert given_up == {"program:broker", "program:web"}
    assert {section for section, program in programs.items() if program["autorestart"] == "false"} == {"program:announcement"}


def test_several_processes_of_a_kind_have_names_logs_and_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARELINE_POLLER_PROCESSES", "3")
    monkeypatch.setenv("HARELINE_RECEIVER_PROCESSES", "0")
    parsed = read(configuration(hareline("127.0.0.1", [8000, 8001]), Path("/data"), quiet=True))
    assert parsed["group:hareline"]["programs"] == "poller,poller-2,poller-3,maintenance,web,web-2"
    assert parsed["program:poller-3"]["stdout_logfile"] == "/data/log/poller-3.log"
    assert parsed["program:web-2"]["command"].endswith("-p 8001")
    assert "program:announcement" in parsed
    assert "program:announcement" not in read(configuration(hareline("127.0.0.1", []), Path("/data"), quiet=True))  # no pages here


@pytest.mark.parametrize("text", ["-1", "many", "65", "1.5"])
def test_a_number_of_processes_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HARELINE_WEB_PROCESSES", text)
    with pytest.raises(SystemExit, match="HARELINE_WEB_PROCESSES: expected a number from 0 to 64"):
        number_of("web")


def test_the_labs_process_runs_where_a_broker_is_marked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lab" not in [program.name for program in hareline("127.0.0.1", [8000])]
    monkeypatch.setenv("HARELINE_LAB", "prod")
    assert "lab" in [program.name for program in hareline("127.0.0.1", [8000])]
    assert "lab" not in [program.name for program in hareline("127.0.0.1", [])]  # a machine without pages


def test_a_data_directory_may_have_a_percent_sign_and_spaces() -> None:
    parsed = read(configuration(HARELINE, Path("/data 100%"), quiet=True))
    assert parsed["supervisord"]["logfile"] == "/data 100%%/log/supervisor.log"


def test_a_server_speaks_on_the_terminal_and_a_demo_in_files() -> None:
    assert read(configuration(HARELINE, Path("/data"), quiet=False))["program:poller"]["stdout_logfile"] == "/dev/fd/1"
    demo = read(configuration(HARELINE, Path("/data"), quiet=True))
    assert demo["program:poller"]["stdout_logfile"] == "/data/log/poller.log"
    assert demo["program:announcement"]["stdout_logfile"] == "/dev/fd/1"


def test_a_busy_port_stops_a_server_with_the_name_of_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit, match="HARELINE_PORT"):
        choose_port("127.0.0.1", taken.getsockname()[1], ())


def test_a_demo_takes_the_next_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert choose_port("127.0.0.1", port, range(port + 1, 65_000)) > port


def test_an_address_of_another_machine_is_refused_by_name() -> None:
    with pytest.raises(SystemExit, match="HARELINE_HOST"):
        choose_port("192.0.2.1", 64999, ())


def test_a_second_start_with_the_same_data_is_refused(tmp_path: Path) -> None:
    pid_file = tmp_path / "supervisor.pid"
    refuse_second_start(pid_file, tmp_path / "supervisor.conf")  # no file: nothing runs
    pid_file.write_text(str(os.getpid()))
    refuse_second_start(pid_file, tmp_path / "supervisor.conf")  # the process is not a supervisor of ours
    with pytest.raises(SystemExit, match="runs already"):
        refuse_second_start(pid_file, Path("python"))  # in this process's own arguments


def test_each_program_gets_only_the_secrets_that_it_needs() -> None:
    """As the supervisor runs it: by the command that it reads from its configuration."""
    of_login = {"ADMIN_PASSWORD", "API_TOKEN", "API_TOKEN_FILE", "OIDC_CORP_CLIENT_SECRET", "OIDC_CORP_CLIENT_SECRET_FILE"}
    needed = {"BROKERS", "SECRET_KEY", "DEMO_AMQP_URL"}
    secrets = {f"HARELINE_{name}": name for name in of_login | needed}
    parsed = read(configuration((*HARELINE, web("127.0.0.1", 8000), *DEMO), Path("/data"), quiet=True, variables=[*secrets, "PATH"]))
    found = {}
    for section in parsed.sections():
        if section.startswith("program:"):
            before = shlex.split(parsed[section]["command"].partition(PYTHON)[0]) or ["/usr/bin/env"]
            done = subprocess.run(
                [*before, "env"], env=secrets | {"HARELINE_FIRST_PASSWORD": "x", "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
            )
            found[section.removeprefix("program:")] = {
                line.partition("=")[0].removeprefix("HARELINE_") for line in done.stdout.splitlines() if "HARELINE_" in line
            }
    assert found.pop("announcement") == {*of_login, *needed, "FIRST_PASSWORD"}
    assert found.pop("web") == {*of_login, *needed}
    assert [found.pop(name) for name in ("poller", "receiver", "maintenance")] == [needed] * 3
    assert set(map(frozenset, found.values())) == {frozenset({"DEMO_AMQP_URL"})}
