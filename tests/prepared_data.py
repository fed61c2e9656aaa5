"""A data directory as `manage.py prepare` leaves it, made once a run: migrations and compressed static files take seconds each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.shared_run import only_one

ROOT = Path(__file__).parent.parent
PARTS = ("hareline.sqlite3", "static")


def prefill(directory: Path, shared_run: Path | None) -> None:
    """Puts the database and the static files into `directory`, where a later `prepare` has little left to do. Nothing in a run of one process."""
    if shared_run is None:
        return
    template = shared_run / "prepared"
    with only_one(shared_run / "prepared.lock"):
        if not template.exists():
            environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
            environment |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(template)}
            subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
    directory.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = template / name
        if source.is_dir():
            shutil.copytree(source, directory / name, copy_function=os.link)
        else:
            shutil.copyfile(source, directory / name)
