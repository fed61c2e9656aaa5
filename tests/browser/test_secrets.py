"""Secrets that are planted in tasks, logins and the environment: nowhere in the data directory, on pages, on command lines, or with children."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenContext, Stack
from tests.fault_server import FaultServer
from tests.waiting import wait_until

CARD = "5105105105105100"
CHILD = b"dashboard.notifications.outside"


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


def children(own: set[int]) -> tuple[bytes, bytes] | None:
    """The command lines and environments of the programs that our processes have started, once one runs (before that it is a copy of its parent)."""
    pids = {pid for pid in descendants(own) if CHILD in of_processes({pid}, "cmdline")}
    found = of_processes(pids, "cmdline"), of_processes(pids, "environ")
    return found if all(found) else None


def of_a_running_child(stack: Stack, page: Page, outside: FaultServer, key: str) -> tuple[bytes, bytes]:
    """Its command line and environment, while it sends a test message to a target that does not answer."""
    outside.answer("/hook", status=200, delay_seconds=60)
    page.goto(f"{stack.url}/findings/targets/new/?kind=webhook")
    for name, value in (("name", "hook"), ("url", f"{outside.url}/hook"), ("key", key)):
        page.fill(f"[name={name}]", value)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("hook is stored.").wait_for()
    page.evaluate("document.querySelector('form[action$=\"/test/\"]').requestSubmit()")
    found = wait_until(lambda: children({process.pid for process in stack.hareline.processes}), seconds=60)
    assert found is not None
    outside.close()
    expect(page.get_by_text("The test")).to_be_visible()
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove hook").click()
    page.get_by_text("hook is removed.").wait_for()
    return found


def test_no_planted_secret_is_found_anywhere(stack: Stack, page: Page, open_context: OpenContext, fault_server: FaultServer) -> None:
    typed, passed, bearer, task, key = (secrets.token_hex(12) for _ in range(5))
    given = [passed, bearer, CARD, typed, key, stack.hareline.password, stack.node.password]

    stranger = open_context(stranger=True).new_page()
    stranger.goto(f"{stack.url}/login/")
    stranger.fill("[name=login]", "nobody")
    stranger.fill("[name=password]", typed)
    stranger.press("[name=password]", "Enter")
    expect(stranger.get_by_text("The user name or the password is wrong.")).to_be_visible()
    stack.send(page, "add", CARD, task_id=task, kwargs={"password": passed, "headers": {"Authorization": f"Bearer {bearer}"}, "kept": "in clear"})

    def failed() -> dict[str, Any] | None:
        found = page.request.get(f"{stack.url}/api/v1/task?uuid={task}").json()
        return found if found.get("state") == "FAILURE" else None

    shown = wait_until(failed, seconds=30)
    assert shown is not None
    assert "'password': '[redacted]'" in shown["kwargs"]
    assert "'kept': 'in clear'" in shown["kwargs"]
    command_lines, environments = of_a_running_child(stack, page, fault_server, key)
    texts = {
        "API": json.dumps(shown).encode(),
        "page": page.request.get(f"{stack.url}/tasks/{shown['id']}/").body(),
        "page of the login": stranger.content().encode(),
        "command lines": of_processes({process.pid for process in stack.hareline.processes}, "cmdline") + command_lines,
        "environments of children": environments,
    }
    logs_of_workers = {f"{name}.log" for name in stack.workers.processes}
    files = (path for path in stack.hareline.directory.rglob("*") if path.is_file() and path.name not in logs_of_workers)
    texts |= {str(path.relative_to(stack.hareline.directory)): path.read_bytes() for path in files}
    assert b"dashboard.web" in texts["command lines"] and b"LANG=C.UTF-8" in environments
    assert [(place, number) for place, text in texts.items() for number, secret in enumerate(given) if secret.encode() in text] == []
