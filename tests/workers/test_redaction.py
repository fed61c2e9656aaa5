"""Secrets in texts that others wrote: recognized by name, place and digits, wherever the text was cut, in little time."""

from __future__ import annotations

import json
import time

import pytest

from tests.every_case import every_case
from workers.redaction import REDACTED, InvalidPattern, Redaction, parse

PLANTED = "hunter2"
WITH_A_SECRET = [
    "{'password': 'hunter2', 'user': 'ann'}",
    '{"api_key": "hunter2", "user": "ann"}',
    "User(user='ann', passwd=hunter2, x=1)",
    "Authorization: Bearer hunter2",
    "-H 'Authorization: Basic hunter2' -d 'user=ann'",
    '{\'body\': \'{"password": "hunter2", "user": "ann"}\'}',
    r"""{"body": "{\"password\": \"hunter2\", \"user\": \"ann\"}"}""",
    r'''"{\"a\": \"{\\\"password\\\": \\\"hunter2\\\", \\\"b\\\": 1}\"}"''',
    r"'{\'token\': \'hunter2\', \'user\': \'ann\'}'",
    "[(b'authorization', b'Bearer hunter2'), (b'host', b'x')]",
    "headers['Authorization'] = 'Bearer hunter2'",
    "https://example.com/?token=hunter2&user=ann",
    "mysql --password hunter2 --user ann",
    "amqp://guest:hunter2@host:5672//",
    "redis://:hunter2@host/0",
    "{'password': {'a': ['hunter2', 'x}'], 'b': 'hunter2'}, 'user': 'ann'}",
    "password=Secret('hunter2'), user='ann'",
    "password=<Secret 'hunter2'>, user",
    r"{'password': 'it\'s hunter2', 'user': 'ann'}",
    r'{"password": "hunter2\\", "user": "ann"}',
    "{'password': 'hunter2",
    "SECRET_KEY=hunter2\nUSER=ann",
    "{'x-api-key': 'hunter2', 'apiKey': 'hunter2'}",
    "card 4111 1111 1111 1111 of ann",
    "(4111111111111111, 3)",
    "{'number': '3782-822463-10005'}",
]
WITHOUT = [
    *(
        "",
        "()",
        "{}",
        "('a',)",
        "KeyError: 'password'",
        "jwt.InvalidTokenError: Signature has expired",
        "{'token': None, 'secret': True}",
        "password: ********",
    ),
    *("1732900000123 4111111111111112 1234567890123", "7f9c2ba4-1234-4567-8901-123456789012", "http://host:80/a@b", "https://example.com/a?b=c", "größe\x00�"),
]


@every_case("text", WITH_A_SECRET, str)
def test_a_secret_is_redacted_and_what_stands_beside_it_stays(text: str) -> None:
    found = Redaction().text(text)
    assert REDACTED in found
    assert PLANTED not in found
    assert "4111" not in found
    assert ("ann" in found) == ("ann" in text)
    assert Redaction().text(found) == found


def test_what_is_no_secret_stays() -> None:
    assert [Redaction().text(text) for text in WITHOUT] == WITHOUT


def test_a_text_that_was_cut_anywhere_shows_nothing_of_the_secret() -> None:
    text = "{'user': 'ann', 'password': 'hunter2', 'b': 'amqp://guest:hunter2@host'}"
    assert [cut for cut in range(len(text)) if "hun" in Redaction().text(text[:cut]).partition("amqp")[0]] == []


def test_json_stays_json() -> None:
    body = json.dumps({"token": 7, "secret": ["a"], "password": "x", "api_key": {"a": 1}, "user": "ann"})
    assert json.loads(Redaction().text(body)) == dict.fromkeys(("token", "secret", "password", "api_key"), REDACTED) | {"user": "ann"}


def test_plain_data_is_redacted_by_its_keys() -> None:
    found = Redaction().value(
        {"a": {"password": "x", "card": 4111111111111111, "n": 1}, "pairs": [["token", "x"]], "none": None, "secret": None, "t": "token=x"}
    )
    assert found == {
        "a": {"password": REDACTED, "card": REDACTED, "n": 1},
        "pairs": [["token", REDACTED]],
        "none": None,
        "secret": None,
        "t": f"token={REDACTED}",
    }


@pytest.mark.parametrize(
    ("patterns", "text", "expected"),
    [
        ("none", "password=x", "password=x"),
        ("iban", "iban=x, iban_of=y, password=z", f"iban={REDACTED}, iban_of=y, password=z"),
        ("pin", "shipping=x, pin=1", f"shipping=x, pin={REDACTED}"),
        ("customer_*_id", "{'customer-eu-id': 7, 'customer': 8}", f"{{'customer-eu-id': '{REDACTED}', 'customer': 8}}"),
        ("*", "f(a=1, b='x')", f"f(a={REDACTED}, b='{REDACTED}')"),
        ("defaults, iban", "iban=x password=y", f"iban={REDACTED} password={REDACTED}"),
        ("cards", "password=x 4111111111111111", f"password=x {REDACTED}"),
    ],
)
def test_the_setting_names_what_is_redacted(patterns: str, text: str, expected: str) -> None:
    assert parse(patterns).text(text) == expected


@pytest.mark.parametrize("patterns", ["(a+)+$", "a|b", "[a]", "*" * 101, "**", ",".join(f"p{number}" for number in range(201)), "none, iban("])
def test_what_is_no_list_of_names_is_refused(patterns: str) -> None:
    with pytest.raises(InvalidPattern):
        parse(patterns)


def test_time_grows_no_faster_than_the_text() -> None:
    """Of four times the length: four times as long, and not sixteen times. Times under 0.1 s are ignored."""

    def seconds(text: str) -> float:
        began = time.process_time()
        redaction.text(text)
        return time.process_time() - began

    redaction = parse("defaults, a*b*c*d")
    texts = (("", "password", ""), ("", "://", ""), ("", "password='", ""), ("", "4", ""), ("", "4111 ", ""), ("", "password=[", ""), ("password:", "\\'", ""),
             ("", "a='password=\\'", ""), ("--", "x", "password"), ("password=(", "'\\\\'", ""), ("token", "-", "="))  # fmt: skip
    times = {text: [seconds(text[0] + text[1] * size + text[2]) for size in (10_000, 40_000)] for text in texts}
    assert {text: took for text, took in times.items() if took[1] > max(10 * took[0], 0.1)} == {}
    assert sum(took for both in times.values() for took in both) < 60
