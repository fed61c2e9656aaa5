"""The tree is as docs/architecture.md describes it, and stays a house in which a newcomer guesses the file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
APPS = ("brokers", "workers", "dashboard")
OF_DJANGO = {"migrations", "commands"}
MOST_LOOSE_MODULES = 16
LONGEST_FILE = 300
MOST_SCRIPT_LINES = 1400
MOST_MAP_LINES = 1400  # of the drawing, which only its page loads
LONGEST_LINE = 170
ROUTES = ("poll", "inventory", "named change", "event", "finding", "notice", "chart of months", "question")


FOLDERS = {"brokers", "dashboard", "docs", "script", "static", "templates", "tests", "workers"}
FILES = {
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Procfile",
    "README.md",
    "SECURITY.md",
    "compose.yaml",
    "manage.py",
    "package.json",
    "package-lock.json",
    "pyproject.toml",
}


def test_nothing_else_is_at_the_top() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = {name.partition("/")[0] for name in tracked if not name.startswith((".", "requirements"))}
    assert top == FOLDERS | FILES


def _described() -> set[str]:
    """The folders of the tree in the document, as paths."""
    found: set[str] = set()
    above: list[str] = []
    for line in DOCUMENT.split("```")[1].splitlines():
        match = re.match(r"( *)(\w+)/ ", line)
        if match:
            above = [*above[: len(match[1]) // 2], match[2]]
            found.add("/".join(above))
    return found


def _packages() -> set[str]:
    paths = (path.parent.relative_to(ROOT) for app in APPS for path in (ROOT / app).rglob("__init__.py"))
    of_commands = {"dashboard/management", "workers/management"}
    return {path.as_posix() for path in paths if not OF_DJANGO & set(path.parts)} - of_commands


def test_every_folder_is_described_and_every_described_folder_exists() -> None:
    assert _described() == _packages()


@pytest.mark.parametrize(
    "route", re.findall(r"^\*\*[^*]+\*\*(.+?)(?=\n\n|\Z)", DOCUMENT.split("## Routes")[1].split("\n## ")[0], re.DOTALL | re.MULTILINE), ids=ROUTES
)
def test_the_routes_pass_files_that_exist_and_at_most_fifteen_modules(route: str) -> None:
    files = re.findall(r"`([\w/]+\.(?:py|js))`", route)
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert 10 <= sum(name.endswith(".py") for name in files) <= 15


def test_the_dashboard_has_few_loose_modules() -> None:
    assert len(list((ROOT / "dashboard").glob("*.py"))) <= MOST_LOOSE_MODULES


def test_no_file_is_long() -> None:
    files = [path for app in (*APPS, "script", "static/js") for pattern in ("*.py", "*.js") for path in (ROOT / app).rglob(pattern)]
    counted = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in files if "migrations" not in path.parts}
    assert {name: lines for name, lines in counted.items() if lines > LONGEST_FILE} == {}


def test_the_scripts_are_few_lines_and_leave_fragments_to_htmx() -> None:
    folder = ROOT / "static" / "js"
    scripts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.js")}
    lines = {name: text.count("\n") for name, text in scripts.items()}
    assert sum(count for name, count in lines.items() if "/" not in name) < MOST_SCRIPT_LINES
    assert sum(count for name, count in lines.items() if name.startswith("map/")) < MOST_MAP_LINES
    assert {name for name in lines if "/" in name and not name.startswith("map/")} == set(), "a folder needs a limit of its own"
    assert [name for name, text in scripts.items() if "hx-request" in text.lower()] == []
    assert {name: text.count("fetch(") for name, text in scripts.items() if "fetch(" in text} == {"live.js": 1}, "only a refused socket makes a request"
    assert {name for name, text in scripts.items() if max(map(len, text.splitlines())) > LONGEST_LINE} == set()
