"""Prints where Hareline is once its pages really answer, what it watches and what is missing, then ends. One of the supervised programs.

The environment names what to print: HARELINE_PAGES, HARELINE_FIRST_PASSWORD (a password that was made up just now), HARELINE_DEMO_AMQP_URL (only the demo).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from brokers.supervised_process import end_with_supervisor

PATIENCE_SECONDS = 180.0
DATA_SECONDS = 30.0
WATCHED_SECONDS, DEMO_SECONDS = 15.0, 60.0


def status(url: str) -> tuple[int, str]:
    """The status and text of an answer; (0, reason) if there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.status, answer.read(2000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(2000).decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def wait_for(url: str, seconds: float) -> tuple[int, str]:
    """The first answer with status 200, else the last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        code, text = status(url)
        if code == 200 or time.monotonic() > deadline:
            return code, text
        time.sleep(0.3)


def reasons_text(code: int, answer: str) -> str:
    """The JSON of /readyz on one line; its status where it is no JSON."""
    try:
        return json.dumps(json.loads(answer), ensure_ascii=False)
    except ValueError:
        return f"/readyz answers {code or answer}."


def password_text() -> str:
    first = os.environ.get("HARELINE_FIRST_PASSWORD")
    if first:
        return f"{first}   (shown only now; change it under your name, top right)"
    if os.environ.get("HARELINE_ADMIN_PASSWORD") or os.environ.get("HARELINE_ADMIN_PASSWORD_FILE"):
        return "the one that HARELINE_ADMIN_PASSWORD gives"
    return "the one that the first start printed; HARELINE_ADMIN_PASSWORD=… sets another"


def rabbitmq_line(state_file: Path) -> str:
    """Where the demo's RabbitMQ has its own pages, who may log in there, and which file has the password: never the password itself, as output is kept."""
    state = json.loads(state_file.read_text(encoding="utf-8"))
    return f"  RabbitMQ   http://127.0.0.1:{state['ports']['management']}/   its own pages: user {state['user']}, password in {state_file}"


def watched_lines(is_demo: bool) -> list[str]:
    """What is watched and what is missing, as `manage.py status` lists it; why not, if that fails. The demo's broker starts at the same time."""
    waits = ["--wait", str(DEMO_SECONDS), "--answered"] if is_demo else ["--wait", str(WATCHED_SECONDS)]
    command = [sys.executable, "manage.py", "status", *waits]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.rstrip().splitlines() if done.returncode == 0 else ["  What is watched can't be listed; `script/hareline status` shows why."]


def main() -> None:
    end_with_supervisor()
    pages = os.environ["HARELINE_PAGES"].rstrip("/")
    code, text = wait_for(f"{pages}/login/", PATIENCE_SECONDS)
    if code != 200:
        sys.exit(f"hareline: {pages}/ does not respond as expected ({code or text}); see the log of `web`.")
    ready, reasons = wait_for(f"{pages}/readyz", DATA_SECONDS)
    lines = ["", f"  Hareline   {pages}/", "  Login      admin", f"  Password   {password_text()}", ""]
    is_demo = bool(os.environ.get("HARELINE_DEMO_AMQP_URL"))
    if is_demo:
        data = os.environ.get("HARELINE_DATA_DIR", "var")
        lines += [rabbitmq_line(Path(data, "rabbitmq", "node.json")), ""]
        lines += [f"  With it run a RabbitMQ node, five Celery worker nodes and their traffic. Logs: {data}/log/", "  Ctrl-C stops everything.", ""]
    lines += [*watched_lines(is_demo), ""]
    if ready != 200:
        lines += [f"  Not everything is ready yet: {reasons_text(ready, reasons)}", ""]
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
