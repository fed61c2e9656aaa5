"""Pages as a person who is logged in gets them from a run's web process. Standard library only."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from script.soak_parts.stack import Stack

PAGES = ("/", "/queues/", "/exchanges/", "/workers/", "/tasks/", "/send/", "/routing/")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def logged_in(stack: Stack, seconds: float = 20) -> urllib.request.OpenerDirector:
    """What opens addresses with the session of admin. Raises OSError where the login fails."""
    return login(stack.url, stack.environment["HARELINE_ADMIN_PASSWORD"], seconds)


def login(url: str, password: str, seconds: float = 20) -> urllib.request.OpenerDirector:
    """The same at any address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = opener.open(f"{url}/login/", timeout=seconds).read().decode()
    found = TOKEN.search(form)
    fields = {"login": "admin", "password": password, "csrfmiddlewaretoken": found[1] if found else ""}
    if "/login/" in opener.open(f"{url}/login/", urllib.parse.urlencode(fields).encode(), timeout=seconds).geturl():
        raise OSError("the login fails")
    return opener


def opened(stack: Stack, seconds: float = 20) -> Callable[[str], str]:
    """Logs in as admin; returns what gives the text of a page by its path. Raises OSError where either fails."""
    opener = logged_in(stack, seconds)
    return lambda path: opener.open(stack.url + path, timeout=seconds).read().decode()


def page_problems(stack: Stack, seconds: float = 20) -> list[str]:
    """One sentence for each of PAGES that doesn't answer 200 with a whole page, or for a login that fails."""
    try:
        look = opened(stack, seconds)
    except OSError as error:
        return [f"the login fails: {error}"]
    return [problem for path in PAGES if (problem := _problem(look, path))]


def _problem(look: Callable[[str], str], path: str) -> str:
    try:
        text = look(path)
    except OSError as error:
        return f"{path}: {error}"
    return "" if text.rstrip().endswith("</html>") else f"{path}: not a whole page"
