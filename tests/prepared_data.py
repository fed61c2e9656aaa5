"""A migrated database, and a data directory as `manage.py prepare` leaves it, each made once a run: migrations take 15 processor seconds, compressed static
files one or two."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.shared_run import only_one

ROOT = Path(__file__).parent.parent
DATABASE = "hareline.sqlite3"
PARTS = (DATABASE, "static")


def schema(shared_run: Path) -> Path:
    """The file of a database with every table and nothing in them."""
    made, done = shared_run / "migrating", shared_run / "migrated"
    with only_one(shared_run / "migrated.lock"):
        if not done.exists():
            made.mkdir(0o700, exist_ok=True)
            (made / DATABASE).touch(0o600)
            _run(made, "migrate", "--skip-checks")
            made.rename(done)
    return done / DATABASE


def migrated(directory: Path, shared_run: Path | None) -> None:
    """Makes `directory` with such a database, which a `prepare` need not migrate. Nothing in a run of one process."""
    if shared_run is not None:
        directory.mkdir(0o700, parents=True)
        shutil.copy(schema(shared_run), directory / DATABASE)  # with its mode


def _run(directory: Path, *command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(directory)}
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)


def prefill(directory: Path, shared_run: Path | None) -> None:
    """Puts the database and the static files into `directory`, where a later `prepare` has little left to do. Nothing in a run of one process."""
    if shared_run is None:
        return
    template = shared_run / "prepared"
    with only_one(shared_run / "prepared.lock"):
        if not (template / "static").exists():
            shutil.rmtree(template, ignore_errors=True)
            migrated(template, shared_run)
            _run(template, "prepare")
    directory.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = template / name
        if source.is_dir():
            shutil.copytree(source, directory / name, copy_function=os.link)
        else:
            shutil.copyfile(source, directory / name)
