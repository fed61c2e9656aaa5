"""Pages as a person who is logged in gets them from a run's web process. Standard library only."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request

from script.soak_parts.stack import Stack

PAGES = ("/", "/queues/", "/exchanges/", "/workers/", "/tasks/", "/send/", "/routing/")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def page_problems(stack: Stack, seconds: float = 20) -> list[str]:
    """One sentence for each of PAGES that doesn't answer 200 with a whole page, or for a login that fails."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    try:
        form = opener.open(f"{stack.url}/login/", timeout=seconds).read().decode()
        found = TOKEN.search(form)
        fields = {"login": "admin", "password": stack.environment["HARELINE_ADMIN_PASSWORD"], "csrfmiddlewaretoken": found[1] if found else ""}
        landed = opener.open(f"{stack.url}/login/", urllib.parse.urlencode(fields).encode(), timeout=seconds).geturl()
        if "/login/" in landed:
            return ["the login fails"]
    except OSError as error:
        return [f"the login fails: {error}"]
    return [problem for path in PAGES if (problem := _problem(opener, stack.url + path, seconds))]


def _problem(opener: urllib.request.OpenerDirector, address: str, seconds: float) -> str:
    try:
        text = opener.open(address, timeout=seconds).read().decode()
    except OSError as error:
        return f"{address}: {error}"
    return "" if text.rstrip().endswith("</html>") else f"{address}: not a whole page"
