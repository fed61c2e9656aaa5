"""script/hareline: one command for everything, from any directory."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard.settings import VERSION
from script.health import main, pages
from tests.fault_server import Answer, FaultServer

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")}
PROGRAMS = {"server", "demo", "web", "health", "completion", "version", "help"}


def hareline(*arguments: str, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "script/hareline", *arguments], cwd=directory, capture_output=True, text=True, check=False, timeout=60)


def test_help_lists_every_program_and_every_command_with_one_line() -> None:
    done = hareline()
    assert done.returncode == 0
    listed = [line.split(None, 1) for line in done.stdout.splitlines() if line.startswith("  ")]
    assert {line[0] for line in listed} == PROGRAMS | COMMANDS
    assert [line for line in listed if len(line) != 2] == []
    assert {"backup", "restore", "explain", "movedatabase", "cleanbroker"} <= COMMANDS
    assert hareline("--help").stdout == hareline("help").stdout == done.stdout


def test_what_is_no_command_is_refused_with_where_they_are_listed() -> None:
    done = hareline("pepole", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hareline: there is no command pepole; `hareline help` lists them\n"
    assert hareline("shell").returncode == 2, "of manage.py only Hareline's own commands"
    assert "bash, zsh or fish" not in hareline("completion", "bash").stderr
    assert "bash, zsh or fish" in hareline("completion", "tcsh").stderr


def test_the_version_is_that_of_the_project() -> None:
    assert hareline("version").stdout == f"Hareline {VERSION}\n"


def test_a_command_of_manage_py_gets_its_arguments_in_the_directory_of_whoever_calls_it(tmp_path: Path) -> None:
    link = tmp_path / "bin" / "hareline"
    link.parent.mkdir()
    link.symlink_to(ROOT / "script/hareline")
    (tmp_path / "there").touch()
    done = subprocess.run([link, "backup", "there"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "there" in done.stderr and "Traceback" not in done.stderr


def test_bash_completes_commands_then_shells_then_files(tmp_path: Path) -> None:
    (tmp_path / "copy of today.sqlite3").touch()
    for words, completed in ((("mov",), ["movedatabase"]), (("completion", "f"), ["fish"]), (("restore", "copy"), ["copy of today.sqlite3"])):
        script = f'. <({ROOT}/script/hareline completion bash); COMP_WORDS=(hareline "$@"); COMP_CWORD=$#; _hareline; printf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", script, "bash", *words], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_completion_of_other_shells_is_in_their_language(shell: str) -> None:
    text = hareline("completion", shell).stdout
    assert [name for name in PROGRAMS | COMMANDS if name not in text] == []
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed, so its completion was not parsed")
    done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_health_is_that_of_readyz(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HARELINE_HOST", "0.0.0.0")
    monkeypatch.setenv("HARELINE_PORT", fault_server.url.rpartition(":")[2].strip("/"))
    fault_server.answer("/readyz", {"ready": True})
    assert (main(), capsys.readouterr().err) == (0, "")
    fault_server.answer("/readyz", Answer(status=503, body=b'{"parts": {"database": "gone"}}'))
    assert main() == 1
    assert '"database": "gone"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "address"), [("", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000"), ("fd00::1", "http://[fd00::1]:8000"), ("ops", "http://ops:8000")]
)
def test_health_is_looked_up_where_pages_are_served(host: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARELINE_HOST", host)
    monkeypatch.delenv("HARELINE_PORT", raising=False)
    assert pages() == address
