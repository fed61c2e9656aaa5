"""What script/setup installs of npm's packages, and the icon sprite that it makes of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from script.vendor_files import icon_file, icon_names, symbol

ROOT = Path(__file__).parents[2]
OUTLINE = """<svg
  xmlns="http://www.w3.org/2000/svg"
  stroke="currentColor"
>
  <path stroke="none" d="M0 0h24v24H0z" fill="none" />
  <path d="M5 6" />
</svg>
"""


def test_names_are_sorted_once_each_and_without_comments() -> None:
    assert icon_names("# icons\nx\n\ncpu\nx\n") == ["cpu", "x"]


def test_a_symbol_keeps_only_what_is_drawn() -> None:
    text = symbol("cpu", OUTLINE)
    assert text.startswith('<symbol id="cpu" viewBox="0 0 24 24" fill="none" stroke="currentColor"')
    assert text.endswith('><path d="M5 6" /></symbol>')


def test_a_filled_icon_is_of_the_filled_set() -> None:
    assert icon_file("bell-filled").parts[-2:] == ("filled", "bell.svg")
    assert 'fill="currentColor"' in symbol("bell-filled", OUTLINE)


def test_only_developers_get_the_packages_of_the_tests(tmp_path: Path) -> None:
    """script/setup in a tree where everything else is installed, with an npm that only lists what it was given."""
    for name, text in {
        "script/setup": (ROOT / "script" / "setup").read_text(),
        "script/vendor_files.py": "",
        "node_modules/.installed": "",
        **{f"{name}.json": "{}" for name in ("package", "package-lock")},
        **{f"requirements{name}.txt": "" for name in ("", "-postgres", "-dev")},
        **{f".venv/.installed-{kind}": hashlib.sha256().hexdigest() for kind in ("dev", "runtime")},
        ".venv/bin/npm": '#!/bin/sh\necho "$2" >>npm-log\n',
        ".venv/bin/node": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)

    def set_up(*arguments: str) -> list[str]:
        environment = {"PATH": f"{tmp_path}/.venv/bin:{os.environ['PATH']}"}
        subprocess.run(["bash", tmp_path / "script" / "setup", *arguments], env=environment, check=True, capture_output=True)
        log = tmp_path / "npm-log"
        return log.read_text().split() if log.exists() else []

    assert set_up() == set_up() == ["--omit=dev"]
    assert set_up("--dev") == set_up("--dev") == set_up() == ["--omit=dev", "--include=dev"]
