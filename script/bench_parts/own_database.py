"""A Hareline of this process alone: its settings, and an empty database in a directory that goes with the process."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import tempfile
from pathlib import Path


def set_up(brokers: str = "bench=http://user:password@127.0.0.1:1", pages: bool = False, database_url: str = "") -> Path:
    """Django is ready and the tables are there; for pages the static files too. `database_url`: an empty database of PostgreSQL. The directory of the data."""
    directory = Path(tempfile.mkdtemp(prefix="hareline-bench-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith("HARELINE_")]:
        del os.environ[name]
    os.environ |= {"HARELINE_DATA_DIR": str(directory), "HARELINE_BROKERS": brokers, "HARELINE_LOG_LEVEL": "ERROR"}
    if database_url:
        os.environ["HARELINE_DATABASE_URL"] = database_url
    attach()
    from django.core.management import call_command

    from dashboard.operations import database_state

    if pages:
        call_command("prepare", stdout=io.StringIO())
    else:
        database_state.make_file()
        call_command("migrate", verbosity=0)
    return directory


def attach() -> None:
    """Django is ready, over the data that the environment names."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    import django

    django.setup()
