"""Paths under the prefix of HARELINE_PUBLIC_URL, whatever the proxy before Hareline does with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard import environment
from dashboard.path_prefix import under_prefix

NAME = "HARELINE_PUBLIC_URL"


async def path_seen(prefix: str, kind: str, path: str) -> str:
    seen: list[str] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    await under_prefix(application, prefix)({"type": kind, "path": path}, None, None)
    return seen[0]


@pytest.mark.parametrize(
    ("path", "http", "socket"),
    [
        ("/a/b/queues/", "/a/b/queues/", "/queues/"),
        ("/queues/", "/a/b/queues/", "/queues/"),
        ("/a/b", "/a/b", ""),
        ("/a/bc/", "/a/b/a/bc/", "/a/bc/"),
        ("/", "/a/b/", "/"),
    ],
)
async def test_a_prefix_that_is_kept_and_one_that_is_taken_away_give_the_same_path(path: str, http: str, socket: str) -> None:
    assert await path_seen("/a/b", "http", path) == http
    assert await path_seen("/a/b", "websocket", path) == socket
    assert await path_seen("", "http", path) == path


@pytest.mark.parametrize(
    "url", ["ops.example.com", "ftp://ops.example.com", "https://", "https://a:b@ops.example.com", "https://h/?x=1", "http://h:port", "http://h:99999"]
)
def test_a_public_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME}: expected an address such as"):
        environment.public_url({NAME: url}, NAME)


def test_a_public_url_has_no_slash_at_its_end() -> None:
    assert environment.public_url({NAME: "https://ops.example.com/hareline/"}, NAME) == "https://ops.example.com/hareline"
    assert environment.public_url({}, NAME) == ""
