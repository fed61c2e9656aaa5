"""HARELINE_RESULTS_<NAME>: what is read where, and what is refused in a sentence without a password."""

from __future__ import annotations

import pytest

from workers.results.addresses import InvalidResults, ResultsAddress, parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("/=redis://h", {"/": ResultsAddress("redis", "redis://h")}),
        ("shop=rediss://u:p@h:1/2?prefix=a%3A", {"shop": ResultsAddress("rediss", "rediss://u:p@h:1/2", "a:")}),
        ("a%3Db=file:///var/results | *=db+sqlite:////var/r.db", {"a=b": ResultsAddress("file", "/var/results"), "*": ResultsAddress("db", "sqlite:////var/r.db")}),
        ("*=django-db+postgres://u:p%7C=x@h/n", {"*": ResultsAddress("django-db", "postgresql://u:p|=x@h/n")}),
    ],
)  # fmt: skip
def test_an_address_is_read(text: str, found: dict[str, ResultsAddress]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("redis://:sesame@h", "expected a virtual host and the URL"),
        ("/=rpc://", "takes them from it"),
        ("/=mongodb://u:sesame@h", "expected redis://"),
        ("/=redis://:sesame@h:port/0", "expected redis://[user:password@]host"),
        ("/=redis://:sesame@h/zero", "expected redis://[user:password@]host"),
        ("/=redis://", "expected redis://[user:password@]host"),
        ("/=db+mysql://u:sesame@h/n", "expected redis://"),
        ("/=file://relative", "expected redis://"),
        ("/=redis://h/" + "1" * 3000, "longer than"),
        ("/=redis+socket:///tmp/s", "expected redis://"),
    ],
)
def test_what_is_not_read_is_refused_without_the_password(text: str, part: str) -> None:
    with pytest.raises(InvalidResults) as refused:
        parse(text)
    assert part in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_an_address_prints_no_password() -> None:
    assert "p" not in repr(ResultsAddress("file", "x")).replace("ResultsAddress", "")
    assert "sesame" not in repr(parse("/=redis://:sesame@h"))
