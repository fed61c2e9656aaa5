"""Names with characters that nobody can see: visible on every page, the same in what is run or sent back, and never refused by their own links."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from brokers import visibility
from brokers.characters import shell_word, visible
from brokers.conditions import Condition
from brokers.models import Binding, Broker, Exchange, Queue, VirtualHost
from brokers.queries import topologies
from dashboard.layout.visible_markup import visible_markup
from dashboard.live.rows import LiveRow
from dashboard.models import User
from tests import postgres
from workers.grants import events_grant

NAMES = {
    "orders\n": "orders␊",
    "a\x00b": "a␀b",
    "a\u202egnp.b": "a⟨U+202E⟩gnp.b",
    "tab\there": "tab␉here",
    "\x7f\x85": "␡⟨U+0085⟩",
    "zero\u200bwidth": "zero⟨U+200B⟩width",
    " mail ": "␠mail␠",
    "خط\u200cها": "خط\u200cها",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_a_name_is_shown_with_what_it_holds(name: str, shown: str) -> None:
    assert visible_markup(f"<th><bdi>{name}</bdi></th>") == f"<th><bdi>{shown}</bdi></th>"


@pytest.mark.parametrize(
    "kept",
    [
        '<input name="queue" value="a\u202eb">',
        "<textarea>\u202e {}\n</textarea>",
        "<script>\u202e</script>",
        '<a href="/routing/?queue=a%0A">x</a>',
        "<pre>one\n\ttwo</pre>",
        "<p>\n  two lines of a template\n</p>",
        '<i data-numbers="\u202e">x</i>',
        '<input placeholder="in>10 \u202e">',
    ],
)
def test_what_is_sent_back_and_the_lines_of_a_text_stay(kept: str) -> None:
    assert visible_markup(kept) == kept


def test_texts_titles_and_codes_of_a_page_with_one_such_name_are_all_shown() -> None:
    html = '<b title="a\u202e" class="x">in>10 a\u202e</b><code>k\ney</code><pre>a\u202e\n</pre>'
    assert visible_markup(html) == '<b title="a⟨U+202E⟩" class="x">in>10 a⟨U+202E⟩</b><code>k␊ey</code><pre>a⟨U+202E⟩\n</pre>'


def test_live_news_show_them_too() -> None:
    news = LiveRow("queue-1", text={"reason": "no exchange a\u202eb\n"}, html={"level": "<bdi>x\x00</bdi>"}, number={"depth": 1}).difference(None)
    assert news == {"text": {"reason": "no exchange a⟨U+202E⟩b␊"}, "html": {"level": "<bdi>x␀</bdi>"}, "number": {"depth": 1}}


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30))
def test_a_word_of_a_command_line_is_one_line_and_holds_nothing_invisible(text: str) -> None:
    word = shell_word(text)
    assert visible(word) == word
    assert shlex.split(shlex.quote(text)) == [text]
    assert word == shlex.quote(text) or word.startswith("$'")


def test_a_shell_reads_from_such_a_word_what_was_meant() -> None:
    names = [name for name in NAMES if "\x00" not in name] + ["it's \\ n\r"]
    said = subprocess.run(["bash", "-c", f"printf '%s\\0' {' '.join(map(shell_word, names))}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert said.stdout.decode().split("\0")[:-1] == names


def test_commands_to_copy_are_written_so() -> None:
    assert "-p $'a\\u202eb' $'eve\\n'" in visibility.hidden_vhost("a\u202eb", "eve\n").grant
    assert "-p $'a\\x01' watch" in events_grant("watch", "a\x01")
    assert "$'x\\ty' monitoring" in visibility.no_monitoring("eve", ["x\ty"]).grant


def test_names_with_blanks_are_found_by_conditions_of_several() -> None:
    assert Condition("name", "in", (" mail ", "a")).typed_value() == (" mail ", "a")


@pytest.fixture
def person(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("ada", password="secret"))
    return client


@pytest.fixture
def broker(db: None) -> Broker:
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, version="3.10.8")
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    seen = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
    for name in ["", *NAMES]:
        Exchange.objects.create(**seen, name=name, type="direct", durable=True, auto_delete=False, internal=False)
    for name in NAMES:
        Queue.objects.create(**seen, name=name, type="classic", durable=True, auto_delete=False, exclusive=False, ready=1, unacknowledged=0, depth=1)
        Binding.objects.create(broker=broker, vhost="/", source="", destination=name, destination_type="queue", routing_key=name, first_seen_at=now)
    topologies._kept.clear()
    return broker


@pytest.mark.parametrize("name", NAMES)
def test_the_links_of_a_queue_lead_to_its_answers(person: Client, broker: Broker, name: str) -> None:
    if postgres.SERVER and "\x00" in name:
        pytest.skip("no text of PostgreSQL can hold a NUL: its name is the picture there, and the broker's another")

    def status(**query: str) -> int:
        return person.get(f"/routing/?{urlencode({'broker': 'prod', 'vhost': '/', **query})}").status_code

    questions: list[Mapping[str, str]] = [
        {"of": "reach", "queue": name},
        {"exchange": name, "routing_key": name, "expected": name},
        {"exchange": "", "routing_key": name, "expected": name},
        {"of": "existing", "look_in": name},
    ]
    assert [status(**question) for question in questions] == [200] * len(questions)
    arrived = person.get(f"/routing/?{urlencode({'broker': 'prod', 'vhost': '/', 'exchange': '', 'routing_key': name, 'expected': name})}").content.decode()
    assert "It reaches" in arrived


def test_lists_and_pages_show_every_name(person: Client, broker: Broker) -> None:
    for address in ("/queues/", "/exchanges/"):
        page = person.get(address).content.decode()
        assert [shown for shown in NAMES.values() if f"<bdi>{shown}</bdi>" not in page] == []
    odd = Queue.objects.get(name="a\u202egnp.b")
    page = person.get(f"/queues/{odd.pk}/").content.decode()
    assert "\u202e" not in page and "a⟨U+202E⟩gnp.b" in page
    assert person.get("/api/v1/queues").json()["items"][0]["name"] in NAMES, "programs get names as they are"


def test_a_typed_name_may_have_blanks_too_many(person: Client, broker: Broker) -> None:
    Queue.objects.filter(name="orders\n").update(name="orders")
    topologies._kept.clear()
    assert person.get("/routing/?broker=prod&vhost=/&of=reach&queue=orders+").status_code == 200
