"""The frame of every page: where one can go, which broker, theme, what holds without scripts and under the strict policy."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.template import Context, Template

from brokers.models import Broker, Queue, VirtualHost
from dashboard.layout import levels
from dashboard.models import User

pytestmark = pytest.mark.django_db
PAGES = ["/", "/queues/", "/exchanges/", "/workers/", "/find/?q=a", "/glossary/", "/keyboard/", "/password/change/"]


@pytest.fixture
def person(client):
    client.force_login(User.objects.create_superuser("ada.lovelace", password="secret"))
    return client


@pytest.fixture
def prod(now):
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="4.0.5")
    VirtualHost.objects.create(broker=broker, name="/shop", first_seen_at=now)
    return broker


@pytest.fixture
def staging(now):
    return Broker.objects.create(name="staging & co", state=Broker.UNREACHABLE, reason="connection refused", since=now)


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag, **wanted):
        return [attributes for name, attributes in self.found if name == tag and all(attributes.get(key) == value for key, value in wanted.items())]


def page(person, address):
    answer = person.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_no_page_needs_an_inline_script_or_style(person, prod, address):
    answer = person.get(address)
    elements = Elements(answer.content.decode())
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]
    assert not [attributes for tag, attributes in elements.found if "style" in attributes or any(name.startswith("on") for name in attributes)]
    assert not elements.all("style")
    assert all("src" in script for script in elements.all("script"))


@pytest.mark.parametrize("address", PAGES)
def test_every_page_has_its_landmarks_one_heading_and_unique_ids(person, prod, address):
    elements = Elements(page(person, address))
    assert len(elements.all("main", id="content")) == len(elements.all("h1")) == len(elements.all("header", **{"class": "head"})) == 1
    assert elements.all("a", href="#content")
    identifiers = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize(("address", "name"), [("/", "Overview"), ("/queues/", "Queues"), ("/exchanges/", "Exchanges"), ("/workers/", "Workers")])
def test_the_navigation_shows_the_current_page(person, prod, address, name):
    elements = Elements(page(person, address))
    assert [link["title"] for link in elements.all("a", **{"aria-current": "page"})] == [name]


def test_the_chosen_broker_and_virtual_host_stay_in_the_links(person, prod, staging):
    html = page(person, "/queues/?broker=prod&vhost=%2Fshop")
    assert [link["href"] for link in Elements(html).all("a") if "title" in link and link["title"] == "Workers"] == ["/workers/?broker=prod&vhost=%2Fshop"]
    assert "/queues/?broker=staging%20%26%20co" in html


def test_a_page_about_one_object_shows_its_broker_and_virtual_host_and_switches_to_the_list(person, prod, staging, now):
    queue = Queue.objects.create(broker=prod, vhost="/shop", name="mail", first_seen_at=now, changed_at=now)
    html = page(person, f"/queues/{queue.pk}/")
    assert re.search(r'<b class="switcher-name">prod</b>', html)
    assert "/queues/?broker=prod&amp;vhost=%2Fshop" in html


def test_an_unavailable_broker_is_unknown_in_the_switcher(person, staging):
    switcher = page(person, "/queues/").split('class="menu switcher"')[1].split("</summary>")[0]
    assert 'data-level="unknown"' in switcher and "unknown" in switcher


def test_the_badge_shows_how_old_the_page_is_before_a_script_takes_over(person, prod, now):
    assert 'data-state="paused"' in page(person, "/")
    Broker.objects.update(polled_at=now - timedelta(minutes=4, seconds=12))
    html = page(person, "/")
    assert 'data-state="stale"' in html
    assert re.search(r'data-text="age">4 min 1[2-9] s<', html)


def test_the_frame_listens_to_its_broker_even_where_the_page_has_nothing_live(person, prod):
    assert f'data-topics="[&quot;broker/{prod.pk}&quot;]"' in page(person, "/glossary/")


def test_the_search_works_without_scripts_as_a_plain_form(person, prod):
    form = Elements(page(person, "/")).all("form", role="search")[0]
    assert (form["action"], form.get("method", "get")) == ("/find/", "get")


@pytest.mark.parametrize(("cookie", "theme"), [(None, "auto"), ("dark", "dark"), ("light", "light"), ("'><script>", "auto")])
def test_the_theme_is_in_the_page_from_the_start(person, prod, cookie, theme):
    if cookie:
        person.cookies["hareline_theme"] = cookie
    assert Elements(page(person, "/")).all("html")[0]["data-theme"] == theme


def test_a_theme_is_chosen_by_post_and_leads_back(person):
    answer = person.post("/theme/", {"theme": "dark", "next": "/queues/?q=mail"})
    assert (answer.headers["Location"], answer.cookies["hareline_theme"].value) == ("/queues/?q=mail", "dark")
    assert person.get("/theme/").status_code == 405


def test_htmx_is_told_the_chosen_theme_and_stays_on_the_page(person):
    answer = person.post("/theme/", {"theme": "light", "next": "/"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, '{"hareline:theme": {"value": "light"}}')
    assert answer.cookies["hareline_theme"].value == "light"


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""])
def test_choosing_a_theme_never_leads_to_another_site(person, back):
    assert person.post("/theme/", {"theme": "light", "next": back}).headers["Location"] == "/"


def test_a_theme_that_does_not_exist_is_refused(person):
    assert person.post("/theme/", {"theme": "sepia"}).status_code == 400


def test_an_address_that_does_not_exist_has_a_page_of_our_own(person):
    answer = person.get("/no/such/page/")
    assert answer.status_code == 404
    assert "<h1>Page not found</h1>" in answer.content.decode()


def test_a_term_is_explained_once_on_a_page():
    template = Template('{% load hareline %}{% term "prefetch" %}{% term "prefetch" %}{% term "queue" %}')
    assert template.render(Context()).count("<button") == 2
    assert template.render(Context()).count("<button") == 2


def test_a_level_has_its_shape_its_word_and_where_unknown_its_reason():
    def written(level):
        return Template("{% load hareline %}{% level level %}").render(Context({"level": level}))

    assert "shape-critical" in written(levels.Level("critical", "is down"))
    assert ">critical<" in written(levels.Level("critical", "is down"))
    assert ">healthy<" in written("ok")
    assert "unknown<span" in (text := written(levels.Level("unknown", "prod is <unreachable>")))
    assert ", because prod is &lt;unreachable&gt;" in text
