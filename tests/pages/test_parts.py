"""The parts of pages that htmx fetches: each page's own parts, from its own address."""

from __future__ import annotations

import json
from datetime import datetime
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.pages.test_query_counts import Shop

pytestmark = pytest.mark.django_db
PATHS = (
    "/",
    "/queues/?q=a&sort=name",
    "/exchanges/",
    "/workers/",
    "/workers/?view=table",
    "/map/",
    "/tasks/",
    "/send/?broker=prod&vhost=/",
    "/routing/?broker=prod&vhost=/",
    "/findings/",
    "/history/changes/",
    "/glossary/",
    "/queues/{queue}/",
    "/exchanges/{exchange}/",
    "/workers/{worker}/",
    "/tasks/{task}/",
)
VOID = {"br", "circle", "hr", "img", "input", "line", "link", "meta", "path", "rect", "source", "use"}


class Outermost(HTMLParser):
    """The text of a fragment that stands in no element, and the attributes of all start tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth = 0
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.depth += tag not in VOID

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag not in VOID

    def handle_data(self, data: str) -> None:
        if not self.depth:
            self.text += data.strip()


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


@pytest.mark.parametrize("path", PATHS)
def test_a_part_is_fetched_from_the_address_of_its_page_and_is_elements_only(person: Client, shop: Shop, path: str) -> None:
    """idiomorph's extension of htmx leaves out text that stands in no element."""
    page = person.get(path.format(**shop.keys)).content.decode()
    parts = [attributes for _, attributes in Outermost(page).tags if attributes.get("data-part") not in (None, "menu")]
    assert bool(parts) == (path.split("/")[1] not in ("routing", "glossary"))
    for part in parts:
        address = str(part["hx-get"])
        assert address.split("?")[0] == path.format(**shop.keys).split("?")[0]
        assert address.endswith(f"part={part['data-part']}")
        answer = person.get(address, headers={"HX-Request": "true"})
        assert answer.status_code == (286 if path.startswith("/tasks/{") and part["data-part"] in ("timeline", "gaps") else 200)
        fragment = answer.content.decode()
        assert "<html" not in fragment
        assert Outermost(fragment).text == "", address


def test_a_part_keeps_filter_and_sort_of_its_page(person: Client, shop: Shop) -> None:
    page = person.get("/queues/?q=a%26b&sort=name&page=2").content.decode()
    assert 'hx-get="/queues/?q=a%26b&amp;sort=name&amp;page=2&amp;part=table"' in page


@pytest.mark.parametrize("path", PATHS)
def test_htmx_is_on_every_page_and_needs_no_looser_policy(person: Client, shop: Shop, path: str) -> None:
    answer = person.get(path.format(**shop.keys))
    tags = Outermost(answer.content.decode()).tags
    scripts = [attributes.get("src") or "" for tag, attributes in tags if tag == "script"]
    assert [name for name in ("htmx.min", "idiomorph-ext.min") if not any(name in script for script in scripts)] == []
    config = json.loads(next(str(attributes["content"]) for tag, attributes in tags if attributes.get("name") == "htmx-config"))
    assert [config[name] for name in ("allowEval", "allowScriptTags", "includeIndicatorStyles", "historyCacheSize")] == [False, False, False, 0]
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "nonce" not in policy
    assert [attributes for _, attributes in tags if any(name.startswith(("hx-on", "on")) or "js:" in str(value) for name, value in attributes.items())] == []


def test_what_htmx_repeats_ends_with_the_task(person: Client, shop: Shop) -> None:
    page = person.get(f"/tasks/{shop.keys['task']}/").content.decode()
    assert "every" not in next(part for part in page.split("<section") if 'data-part="timeline"' in part).split(">")[0]
    answer = person.get(f"/tasks/{shop.keys['task']}/", {"part": "timeline"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["Vary"].split(", ")[0]) == (286, "HX-Request")
