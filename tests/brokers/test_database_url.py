"""HARELINE_DATABASE_URL: what is taken, what is refused and by which sentence, and that no sentence holds the password."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokers.database import url as url_of_database
from dashboard import environment

GOOD = "postgres://shop:s%40cret@db:5433/hareline"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (GOOD, ("shop", "s@cret", "db", "5433", "hareline")),
        ("postgresql://shop@db/hareline", ("shop", "", "db", "5432", "hareline")),
        ("postgres://shop:a:b@[::1]/hareline", ("shop", "a:b", "::1", "5432", "hareline")),
        ("postgres://shop:x@one,two:6432/hareline?target_session_attrs=read-write", ("shop", "x", "one,two", "5432,6432", "hareline")),
        ("postgres:///hareline", ("", "", "", "5432", "hareline")),
        ("postgres://shop@/hareline?host=%2Fvar%2Frun%2Fpostgresql", ("shop", "", "/var/run/postgresql", "5432", "hareline")),
        ("postgres://shop:%2Fx%3F@db/h%C3%BCtte", ("shop", "/x?", "db", "5432", "hütte")),
    ],
)
def test_an_address_is_taken(url: str, wanted: tuple[str, ...]) -> None:
    entry = url_of_database.parse(url)
    assert (entry["USER"], entry["PASSWORD"], entry["HOST"], entry["PORT"], entry["NAME"]) == wanted


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://shop:secret@db/hareline", "expected sqlite:///path or postgres://user:password@host:5432/name, got the scheme 'mysql'"),
        ("/var/secret.sqlite3", "got the scheme ''"),
        ("postgres://shop:secret@db", "there is no name of a database after the host"),
        ("postgres://shop:secret@db/a/b", "the name of the database, 'a/b', holds a slash"),
        (f"postgres://shop:secret@db/{'x' * 64}", "is longer than 63 bytes"),
        ("postgres://shop:secret@db:65536/hareline", "the port of the host 'db' is not a number from 1 to 65535"),
        ("postgres://shop:secret@db:54a/hareline", "the port of the host 'db' is not a number"),
        ("postgres://shop:secret@one,/hareline", "one of the hosts between the commas is empty"),
        ("postgres://shop:secret@::1/hareline", "stands in brackets"),
        ("postgres://shop:secret@[::1/hareline", "stands in brackets"),
        ("postgres://:secret@db/hareline", "there is no user before the @"),
        ("postgres://shop:sec#ret@db/hareline", "a character of the user or password is not percent-encoded: / is written %2F, ? %3F, # %23 and @ %40"),
        ("postgres://shop:sec/ret@db/hareline", "a character of the user or password is not percent-encoded"),
        ("postgres://shop:sec?ret@db/hareline", "a character of the user or password is not percent-encoded"),
        ("postgres://shop:sec@ret@db/hareline", "a character of the user or password is not percent-encoded"),
        ("postgres://shop:sec%ret@db/hareline", "a % in the password is written %25"),
        ("postgres://shop:sec%00ret@db/hareline", "the password holds a NUL"),
        ("postgres://shop:secret@db/hareline?sslmode=on", "the option sslmode is none of disable, allow"),
        ("postgres://shop:secret@db/hareline?ssl=true", "the option 'ssl' is not known; allowed: application_name, "),
        ("postgres://shop:secret@db/hareline?connect_timeout=5s", "the option connect_timeout is not a whole number"),
    ],
)
def test_a_bad_part_is_refused_by_one_sentence_without_the_password(url: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        environment.database({"HARELINE_DATABASE_URL": url}, Path("/nowhere"))
    sentence = str(refused.value)
    assert sentence.startswith("HARELINE_DATABASE_URL: ") and words in sentence
    assert "sec" not in sentence and "ret" not in sentence.replace("read", "") and "\n" not in sentence


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('connection failed: FATAL:  password authentication failed for user "shop"', "the server does not accept the user 'shop' with this password"),
        ('connection failed: FATAL:  role "shop" does not exist', "there is no user 'shop' on the server"),
        ('connection failed: FATAL:  database "hareline" does not exist', "there is no database 'hareline' on the server"),
        ('connection failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "its pg_hba.conf decides that"),
        ("connection failed: FATAL:  sorry, too many clients already", "the server has no connection left"),
        ("connection failed: FATAL:  the database system is starting up", "the server db:5433 is starting or stopping"),
        ("connection failed: could not translate host name", "the host db:5433 has no address"),
        ('connection failed: connection to server at "10.0.0.1", port 5433 failed: Connection refused', "nothing listens at db:5433"),
        ("connection timeout expired", "db:5433 does not answer in time"),
        ('connection failed: server does not support SSL, but SSL was required', "TLS with db:5433 fails"),
        ("connection failed: FATAL:  something new", "the server db:5433 can't be used (something new)"),
        ("", "the server db:5433 can't be used (no reason given)"),
    ],
)  # fmt: skip
def test_why_a_connection_failed_is_said(message: str, words: str) -> None:
    assert words in url_of_database.why(message, url_of_database.parse(GOOD))
