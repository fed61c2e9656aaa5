"""The pages of the rules: thresholds set for patterns, what makes no sense beside its field, previews of the last day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils.html import escape

from brokers.models import Broker, Queue, Snapshot
from brokers.snapshots import RAW_STEP, Encoder
from dashboard.findings.rules import ALL
from dashboard.models import AuditEvent, Finding, RuleSetting
from tests.people import person

pytestmark = pytest.mark.django_db
PAGE = "/findings/rules/"


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=5, configured=True)


def test_every_rule_is_listed_with_its_sentence(person: Client) -> None:
    page = person.get(PAGE).content.decode()
    assert all(escape(rule.NAME) in page and escape(rule.ABOUT) in page and f'href="{PAGE}{key}/"' in page for key, rule in ALL.items())
    assert f'href="{PAGE}"' in person.get("/findings/").content.decode()


@pytest.mark.parametrize("key", ALL)
def test_every_rule_has_a_page(person: Client, key: str) -> None:
    page = person.get(f"{PAGE}{key}/").content.decode()
    assert escape(ALL[key].NAME) in page and all(escape(one.label) in page for one in ALL[key].THRESHOLDS)
    assert "Nothing is set" in page


def test_a_threshold_is_set_counts_is_shown_and_taken_back(person: Client, broker: Broker) -> None:
    given = {"threshold": "channels", "value": "50", "broker": "prod", "vhost": "", "name": "app-*", "act": "set"}
    assert person.post(f"{PAGE}client_leak/", given).status_code == 302
    assert person.post(f"{PAGE}client_leak/", given | {"value": "60"}).status_code == 302  # in place of the first
    stored = RuleSetting.objects.get()
    assert (stored.rule, stored.threshold, stored.broker, stored.vhost, stored.name, stored.value, stored.user_name) == (
        "client_leak", "channels", "prod", "*", "app-*", 60, "ada",
    )  # fmt: skip
    page = person.get(f"{PAGE}client_leak/").content.decode()
    assert "Channels for each connection: 60" in page and "names like app-* on prod" in page and "set by ada" in page
    assert "1 set" in person.get(PAGE).content.decode()
    assert person.post(f"{PAGE}{stored.pk}/remove/").status_code == 302
    assert not RuleSetting.objects.exists()
    done = AuditEvent.objects.exclude(action="log in").values_list("action", "outcome", "name")
    assert sorted(done) == [("remove rule threshold", "done", "client_leak"), *[("set rule threshold", "done", "client_leak")] * 2]


def test_what_makes_no_sense_stands_beside_its_field_and_nothing_is_stored(person: Client, broker: Broker) -> None:
    for act in ("set", "preview"):
        answer = person.post(f"{PAGE}client_leak/", {"threshold": "channels", "value": "5", "broker": "other", "act": act})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "From 10 to 65535." in page and "No broker matches; there is prod." in page and 'value="other"' in page
    assert not RuleSetting.objects.exists()


def test_who_may_only_view_sets_nothing(client: Client, broker: Broker) -> None:
    client.force_login(person("eve"))
    assert 'value="set"' not in client.get(f"{PAGE}client_leak/").content.decode()
    assert client.post(f"{PAGE}client_leak/", {"threshold": "off", "act": "set"}).status_code == 403
    setting = RuleSetting.objects.create(rule="churn", threshold="off", value=1, user_name="ada", at=broker.since)
    assert client.post(f"{PAGE}{setting.pk}/remove/").status_code == 403
    assert AuditEvent.objects.filter(outcome="refused").count() == 2 and RuleSetting.objects.count() == 1
    assert client.post(f"{PAGE}churn/", {"threshold": "off", "act": "preview"}).status_code == 200


def test_unknown_rules_and_settings_are_not_found(person: Client) -> None:
    assert [person.get(f"{PAGE}nonsense/").status_code, person.post(f"{PAGE}99/remove/").status_code, person.get(f"{PAGE}99/remove/").status_code] == [
        404,
        404,
        405,
    ]


def test_switching_off_shows_which_findings_of_the_last_day_would_not_have_been(person: Client, broker: Broker, now: datetime) -> None:
    shared = {"broker": broker, "rule": "no_consumer", "level": "warning", "worst_level": "warning", "kind": "queue", "vhost": "/", "seen_at": now}
    for name in ("mail.eu", "mail.us", "orders"):
        hour = now - timedelta(hours=1)
        Finding.objects.create(identity=name, name=name, title=f"{name} has no consumer", opened_at=hour, closed_at=hour + timedelta(minutes=12), **shared)
    Finding.objects.create(
        identity="old", name="mail.old", title="mail.old has no consumer", opened_at=now - timedelta(days=3), closed_at=now - timedelta(days=2), **shared
    )
    page = person.post(f"{PAGE}no_consumer/", {"threshold": "off", "name": "mail.*", "act": "preview"}).content.decode()
    assert "It really found 3 in the last day, 2 of them" in page and "mail.eu has no consumer" in page and "for 12 min" in page
    assert ">orders has no consumer" not in page and "mail.old" not in page and not RuleSetting.objects.exists()


def test_a_rule_without_history_says_so(person: Client, broker: Broker) -> None:
    page = person.post(f"{PAGE}client_leak/", {"threshold": "channels", "value": "50", "act": "preview"}).content.decode()
    assert "No history is kept of what this rule looks at" in page


def test_a_value_is_replayed_over_the_recorded_numbers(person: Client, broker: Broker, now: datetime) -> None:
    queue = Queue.objects.create(
        broker=broker, vhost="/", name="mail", type="classic", state="running", depth=10, highest_depth=4000, first_seen_at=now, changed_at=now
    )
    encoder = Encoder("queues")
    for minute in range(30):
        depth = 300 * minute if minute < 15 else 10
        numbers = {queue.pk: (depth, 0, 1, 10.0, 5.0, 5.0, 0.0, 9000)}
        at = now - timedelta(minutes=40 - minute)
        Snapshot.objects.create(broker=broker, kind="queues", step=RAW_STEP, at=at, is_key=True, data=encoder.encode(numbers, 60.0, True))
    page = person.post(f"{PAGE}growing/", {"threshold": "depth", "value": "2000", "act": "preview"}).content.decode()
    assert "1 of 1 matching queue" in page and "With this value: 1 finding" in page and "With what is set now: 1 finding" in page
    page = person.post(f"{PAGE}growing/", {"threshold": "depth", "value": "100000", "act": "preview"}).content.decode()
    assert "With this value: 0 findings" in page
