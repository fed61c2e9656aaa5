"""The form of a target: every mistake is found, with the field that it is in."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.notifications import form
from dashboard.notifications.choosing import MIDNIGHT


def entered(**changed: Any) -> dict[str, Any]:
    return form.usual("webhook") | {"name": "ops", "url": "https://hooks.example.com/x", "key": "k" * 16} | changed


@pytest.mark.parametrize(
    ("kind", "changed", "problem"),
    [
        ("webhook", {"name": ""}, "Enter a name of at most 100 characters."),
        ("webhook", {"url": ""}, "Enter the address."),
        ("webhook", {"url": "ftp://x"}, "Expected an address that begins with https:// or http://"),
        ("webhook", {"url": "https://u:p@x.example.com/"}, "with a user or password is not supported"),
        ("webhook", {"url": "http://169.254.169.254/"}, "This address is not permitted: it is link-local."),
        ("webhook", {"url": "http://metadata.google.internal/"}, "it is the metadata service of a cloud."),
        ("webhook", {"url": "http://localhost/"}, "it is this machine (HARELINE_NOTIFY_LOOPBACK permits it)."),
        ("webhook", {"key": "short"}, "Expected at least 16 characters that nobody can guess, or none."),
        ("webhook", {"levels": []}, "Choose at least one level."),
        ("webhook", {"days": []}, "Choose at least one day."),
        ("webhook", {"begins": "25:00"}, "Expected a time such as 08:00."),
        ("webhook", {"ends": "00:00"}, "The hours are empty; 00:00 to 24:00 is all day."),
        ("webhook", {"zone": "Mars/Olympus"}, "Expected a time zone such as UTC or Europe/Berlin."),
        ("webhook", {"group_seconds": "nan"}, "Expected a number from 5 to 600."),
        ("webhook", {"group_seconds": "4"}, "Expected a number from 5 to 600."),
        ("webhook", {"group_seconds": "1_0"}, "Expected a number from 5 to 600."),
        ("webhook", {"repeat_minutes": "0"}, "Expected a number from 1 to 10,080, or nothing: never."),
        ("webhook", {"digest_hour": "24"}, "Expected an hour from 0 to 23, or nothing: no digest."),
        ("webhook", {"digest_hour": "0239"}, "Expected an hour from 0 to 23, or nothing: no digest."),
        ("webhook", {"digest_hour": "²"}, "Expected an hour from 0 to 23, or nothing: no digest."),
        ("webhook", {"names": "a\0"}, "It holds a character that can't be stored."),
        ("webhook", {"key": "k" * 16 + "\ud800"}, "It holds a character that can't be stored."),
        ("webhook", {"at_once": ""}, "Without this and without a digest nothing would be sent."),
        ("apprise", {"url": "hello"}, "Expected an address of apprise, such as slack://… or tgram://…."),
        ("mail", {}, "Expected the name of an SMTP server"),
        ("mail", {"host": "localhost"}, "This server is not permitted: it is this machine"),
        ("mail", {"host": "smtp.example.com", "port": "0"}, "Expected a port from 1 to 65535"),
        ("mail", {"host": "smtp.example.com", "port": "0655350"}, "Expected a port from 1 to 65535"),
        ("mail", {"host": "smtp.example.com", "port": "5" * 5000}, "Expected a port from 1 to 65535"),
        ("heartbeat", {"url": "x"}, "Expected an address that begins with https:// or http://"),
    ],
)
def test_each_mistake_is_named(kind: str, changed: dict[str, Any], problem: str) -> None:
    found, problems = form.read(kind, entered(**changed), None, loopback=False)
    assert found is None
    ((field, text),) = problems.items()
    assert problem in text
    assert text.endswith(".")
    assert field == (list(changed)[-1] if changed else "host")


def test_what_is_right_is_read_as_it_is_stored() -> None:
    found, problems = form.read("webhook", entered(rules="grow*, no_consumer", repeat_minutes="60", digest_hour="8", ends=MIDNIGHT), None, loopback=False)
    assert problems == {}
    assert found is not None
    assert list(found.changes["selection"]["rules"]) == ["grow*", "no_consumer"]
    assert (found.changes["repeat_seconds"], found.changes["digest_hour"], found.changes["group_seconds"]) == (3600.0, 8, 15.0)
    assert found.address.shown == "https://hooks.example.com/…"


def test_a_heartbeat_has_no_filters() -> None:
    found, _ = form.read("heartbeat", entered(levels=[], days=[]), None, loopback=False)
    assert found is not None
    assert set(found.changes) == {"name"}
