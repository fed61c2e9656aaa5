"""docs/configuration.md names every variable that the code reads, and none that it doesn't."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NAME = re.compile(r"HARELINE_[A-Z_]*[A-Z](?![A-Z_])")
EXAMPLES = {"HARELINE_OIDC_CORP_ISSUER", "HARELINE_OIDC_CORP_CLIENT_ID"}  # of a provider named corp, in a docstring
OF_SCRIPTS = {"HARELINE_FIRST_PASSWORD", "HARELINE_PAGES", "HARELINE_SUPERVISOR"}  # from one of our programs to another


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    read = {name for folder in ("brokers", "workers", "dashboard") for path in (ROOT / folder).rglob("*.py") for name in NAME.findall(path.read_text())}
    documented = set(NAME.findall((ROOT / "docs" / "configuration.md").read_text()))
    assert read - documented - OF_SCRIPTS - EXAMPLES == set()
    of_server = {f"HARELINE_{kind}_PROCESSES" for kind in ("WEB", "POLLER", "RECEIVER", "MAINTENANCE")}
    assert documented - read - of_server == {"HARELINE_PYTHON", "HARELINE_RABBITMQ_SERVER", "HARELINE_TEST_BROKER_URL", "HARELINE_BROKER_AMQP_PROD"}
    assert of_server <= documented
    # of script/setup, of private nodes, of script/test, and the example of a broker named prod


def test_debugging_prints_no_sql(tmp_path: Path) -> None:
    (tmp_path / "hareline.sqlite3").touch()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "HARELINE_DATA_DIR": str(tmp_path),
        "HARELINE_DEBUG": "true",
        "HARELINE_LOG_LEVEL": "DEBUG",
    }
    code = "import django; django.setup(); from django.db import connection; connection.cursor().execute('SELECT 41 + 1')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "SELECT" not in done.stdout + done.stderr
