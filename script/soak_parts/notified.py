"""`script/soak notifications`: findings open and close, maintenance is killed at random, the receiver fails, hangs and closes; each must arrive by its id."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LONG_SECONDS = 600.0
ROOT = Path(__file__).parents[2]


def main(directory: Path, seconds: float | None, seed: int) -> int:
    """1 if a finding or a recovery was lost, or came under two ids."""
    directory.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
    environment = kept | {
        "HARELINE_DATA_DIR": str(directory),
        "HARELINE_LOG_LEVEL": "ERROR",
        "HARELINE_NOTIFY_LOOPBACK": "true",
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    }
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "script.soak_parts.notified_run", str(seconds or LONG_SECONDS), str(seed)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
