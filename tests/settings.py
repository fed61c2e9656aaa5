"""The settings under which the suite runs: those of `dashboard`, with a data directory, a database and no brokers of its own.

Every pytest process (each xdist worker too) has its own; the programs that a test starts find the same ones in their environment.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

_OF_THE_RUN = {"HARELINE_TEST_BROKER_URL", "HARELINE_RABBITMQ_SERVER", "HARELINE_TEST_POSTGRES"}
_process = os.environ.get("PYTEST_XDIST_WORKER", "main")
if os.environ.get("HARELINE_TEST_PROCESS") != _process:
    for _name in [name for name in os.environ if name.startswith("HARELINE_") and name not in _OF_THE_RUN]:
        del os.environ[_name]
    _directory = tempfile.mkdtemp(prefix="hareline-tests-")
    atexit.register(shutil.rmtree, _directory, ignore_errors=True)
    os.environ |= {"HARELINE_TEST_PROCESS": _process, "HARELINE_DATA_DIR": _directory, "HARELINE_LOG_LEVEL": "WARNING"}
    if _server := os.environ.get("HARELINE_TEST_POSTGRES"):
        os.environ["HARELINE_DATABASE_URL"] = urlsplit(_server)._replace(path=f"/hareline_{_process}_{os.getpid()}").geturl()

from dashboard.settings import *  # noqa: E402, F403  (the environment above must stand first)
from dashboard.settings import DATA_DIR, DATABASES, MIDDLEWARE, STATIC_ROOT, STORAGES  # noqa: E402

# A file: threads and other processes see it too, and an in-memory one answers "table is locked" between threads
DATABASES["default"]["OPTIONS"].pop("database", None)  # pytest-django removes the file and makes it again
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Pages name the files without a collectstatic before; who serves them is tried with the browser, and made anew for each client of a test it would cost a fifth
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
MIDDLEWARE = [name for name in MIDDLEWARE if name != "dashboard.static_files.StaticFilesMiddleware"]
Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)
NODE_DIR = DATA_DIR / "rabbitmq"
