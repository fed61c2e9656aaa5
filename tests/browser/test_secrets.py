"""Secrets that are planted in tasks, logins and the environment: nowhere in the data directory, on pages, on command lines, or with children."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import OpenContext, Stack
from tests.waiting import wait_until

CARD = "5105105105105100"


def descendants(pids: set[int]) -> set[int]:
    """Of all processes that run now, those that these have started, and theirs."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
    found: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in pids | found} - found:
        found |= more
    return found


def of_processes(pids: set[int], name: str) -> bytes:
    """What the processes have in that file of /proc."""
    found = b""
    for pid in pids:
        try:
            found += Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            continue
    return found


def test_no_planted_secret_is_found_anywhere(stack: Stack, page: Page, open_context: OpenContext) -> None:
    typed, passed, bearer, task = (secrets.token_hex(12) for _ in range(4))
    given = [passed, bearer, CARD, typed, stack.hareline.password, stack.node.password]

    stranger = open_context(stranger=True).new_page()
    stranger.goto(f"{stack.url}/login/")
    stranger.fill("[name=login]", "nobody")
    stranger.fill("[name=password]", typed)
    stranger.press("[name=password]", "Enter")
    stranger.wait_for_load_state()
    stack.workers.send("add", CARD, task_id=task, kwargs={"password": passed, "headers": {"Authorization": f"Bearer {bearer}"}, "kept": "in clear"})

    def failed() -> dict[str, Any] | None:
        found = page.request.get(f"{stack.url}/api/v1/task?uuid={task}").json()
        return found if found.get("state") == "FAILURE" else None

    shown = wait_until(failed, seconds=30)
    assert shown is not None
    assert "'password': '[redacted]'" in shown["kwargs"]
    assert "'kept': 'in clear'" in shown["kwargs"]
    own = {process.pid for process in stack.hareline.processes}
    children = descendants(own)
    texts = {
        "API": json.dumps(shown).encode(),
        "page": page.request.get(f"{stack.url}/tasks/{shown['id']}/").body(),
        "page of the login": stranger.content().encode(),
        "command lines": of_processes(own | children, "cmdline"),
        "environments of children": of_processes(children, "environ"),
    }
    logs_of_workers = {f"{name}.log" for name in stack.workers.processes}
    files = (path for path in stack.hareline.directory.rglob("*") if path.is_file() and path.name not in logs_of_workers)
    texts |= {path.name: path.read_bytes() for path in files}
    assert b"dashboard.web" in texts["command lines"]
    assert [(place, number) for place, text in texts.items() for number, secret in enumerate(given) if secret.encode() in text] == []
