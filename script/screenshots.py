"""Makes docs/screenshots/ of every page from a running Hareline, light and dark, 1440 and 390 pixels wide, and runs axe on each.

    .venv/bin/python script/screenshots.py http://127.0.0.1:8000 [--only queues queue] [--directory docs/screenshots]

The admin's password comes from HARELINE_ADMIN_PASSWORD. Exits 1 if axe finds something, a page logs an error or requests another site.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
PATIENCE_MS = 120_000  # on a busy machine; a page takes well under a second on an idle one
LISTS = {"queue": "queues/", "exchange": "exchanges/", "connection": "connections/", "worker": "workers/", "task": "tasks/"}
OTHERS = {
    "failures": "tasks/failures/",
    "statistics": "tasks/statistics/",
    "periodic": "tasks/periodic/",
    "capacity": "workers/capacity/",
    "matrix": "workers/matrix/",
    "map": "map/",
    "history": "history/",
    "changes": "history/changes/",
    "compare": "history/compare/",
    "balance": "history/balance/",
}
FINDINGS = {"findings": "", "rules": "rules/", "rule": "rules/growing/", "targets": "targets/", "silences": "silences/"}
# What is passed on is much less than what axe returns: each rule with an example of what it passed
VIOLATIONS = """async options => (await axe.run(options)).violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${rule.help} (${node.target[0]})`))"""
_BY_OUT = "?sort=-deliver_per_second"
BUSIEST = {"queue": _BY_OUT, "exchange": "?sort=-publish_in_per_second", "connection": _BY_OUT, "worker": "", "task": "?state=SUCCESS&sort=-retries"}


def chromium() -> str | None:
    """The path of the system's Chromium. The headless shell, where it is installed, is the same engine in a third of the processor time."""
    return next((found for name in CHROMIUM_PROGRAMS if (found := shutil.which(name))), None)


def log_in(context: BrowserContext, root: str) -> None:
    page = context.new_page()
    page.goto(f"{root}/login/")
    page.fill("[name=login]", "admin")
    page.fill("[name=password]", os.environ["HARELINE_ADMIN_PASSWORD"])
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{root}/")
    page.close()


def addresses(context: BrowserContext, root: str) -> dict[str, str]:
    """Each page's name and path; of each list the busiest one's page that is not our own, of tasks one that was tried several times and one that failed."""
    found = {"overview": "", **{name + "s": path for name, path in LISTS.items()}}
    for name, path in LISTS.items():
        items = context.request.get(f"{root}/api/v1/{path.rstrip('/')}{BUSIEST[name]}").json()["items"]
        names = [(item, item.get("name", item.get("hostname"))) for item in items]
        named = [item for item, text in names if text and not text.startswith("hareline.")]
        if named:
            found[name] = f"{path}{named[0]['id']}/"
    failed = context.request.get(f"{root}/api/v1/tasks?state=FAILURE").json()["items"]
    if failed:
        found["task-failed"] = f"tasks/{failed[0]['id']}/"
    failures = context.request.get(f"{root}/api/v1/failures").json()["items"]
    if failures:
        found["failure"] = f"tasks/failures/{failures[0]['id']}/"
    found |= OTHERS | {name: f"findings/{path}" for name, path in FINDINGS.items()}
    opened = context.request.get(f"{root}/api/v1/findings").json()["items"]
    if opened:
        found["finding"] = f"findings/{opened[0]['id']}/"  # the worst comes first
    if context.request.get(f"{root}/demo/plants/").ok:
        found["plants"] = "demo/plants/"
    found["about"] = "about/"
    found["send"] = "send/"
    found["why"] = "routing/"
    found["change-password"] = "password/change/"
    return found


def violations(page: Page, **rules: Any) -> list[str]:
    """What axe finds, of any impact, one line each; `rules`: axe's options `runOnly` and `rules`, for fewer than all."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)  # half a megabyte, once a page
    found: list[str] = page.evaluate(VIOLATIONS, {"resultTypes": ["violations"], **rules})
    return found


def shoot(context: BrowserContext, root: str, path: str, file: Path) -> list[str]:
    """Saves one picture; returns what is wrong with the page."""
    wrong: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: wrong.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on(
        "request", lambda request: None if request.url.startswith((root, "data:", root.replace("http", "ws", 1))) else wrong.append(f"foreign: {request.url}")
    )
    page.goto(f"{root}/{path}")
    if path != "login/":
        page.wait_for_selector("#live-badge[data-state=live], #live-badge[data-state=stale]", timeout=PATIENCE_MS)
        page.wait_for_timeout(3_000)  # two patches: what moves has moved
    page.screenshot(path=str(file), full_page=True)
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append("scrolls sideways")
    wrong += violations(page)
    page.close()
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--only", nargs="+", help="just the pages of these names")
    parser.add_argument("--directory", type=Path, default=Path(__file__).parent.parent / "docs" / "screenshots")
    arguments = parser.parse_args()
    if not os.environ.get("HARELINE_ADMIN_PASSWORD"):
        parser.error("HARELINE_ADMIN_PASSWORD must hold the password of admin")
    root, directory = arguments.root.rstrip("/"), arguments.directory
    directory.mkdir(parents=True, exist_ok=True)
    failures = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for theme in ("light", "dark"):
            for size, viewport in SIZES.items():
                options: dict[str, Any] = {"viewport": viewport, "color_scheme": theme, "reduced_motion": "reduce"}
                context = browser.new_context(**options)
                context.set_default_timeout(PATIENCE_MS)
                context.add_cookies([{"name": "hareline_theme", "value": theme, "url": root}])
                if not arguments.only or "login" in arguments.only:
                    failures += report("login", theme, size, shoot(context, root, "login/", directory / f"login-{size}-{theme}.png"))
                log_in(context, root)
                for name, path in addresses(context, root).items():
                    if not arguments.only or name in arguments.only:
                        failures += report(name, theme, size, shoot(context, root, path, directory / f"{name}-{size}-{theme}.png"))
                context.close()
        browser.close()
    return 1 if failures else 0


def report(name: str, theme: str, size: str, wrong: list[str]) -> int:
    print(f"{name:10} {theme:5} {size:7} {'ok' if not wrong else ''}", flush=True)
    for line in wrong:
        print(f"    {line}", flush=True)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
