"""What refuses a production start: each problem with a hint, and the name that allows it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

from dashboard import environment, proxies
from dashboard.checks import is_open_secret, production_is_safe, readable_by_others, refuse_exposure
from tests.every_case import every_case

GOOD = "q7Zk2mXw9Lr4Tb8Vn1Yc6Hd3Js5Fg0Pa"
PROXIES = proxies.parse("10.0.0.1")
CASES: dict[str, tuple[dict[str, object], set[str]]] = {
    "loopback, as script/server is without any setting": ({}, set()),
    "loopback with an easy password, which only this machine reaches": ({"ADMIN_PASSWORD": "admin"}, set()),
    "debug": ({"DEBUG": True}, {"E001"}),
    "a short secret key": ({"SECRET_KEY": "short"}, {"E002"}),
    "a secret key of one character": ({"SECRET_KEY": "x" * 64}, {"E002"}),
    "a secret key of an example": ({"SECRET_KEY": "change-me-q7Zk2mXw9Lr4Tb8Vn1Yc6Hd3Js5Fg0Pa"}, {"E002"}),
    "every address, nothing before it": ({"HOST": "0.0.0.0"}, {"E003"}),
    "every address of IPv6": ({"HOST": "::"}, {"E003"}),
    "a name": ({"HOST": "ops.example.com"}, {"E003"}),
    "a private address": ({"HOST": "10.0.0.5"}, {"E003"}),
    "every address behind https": ({"HOST": "0.0.0.0", "PUBLIC_URL": "https://ops.example.com/hareline"}, set()),
    "every address behind a trusted proxy": ({"HOST": "0.0.0.0", "TRUSTED_PROXIES": PROXIES}, set()),
    "every address, a public URL of this machine": ({"HOST": "0.0.0.0", "PUBLIC_URL": "http://localhost:8000"}, {"E003"}),
    "loopback behind a proxy without https": ({"PUBLIC_URL": "http://ops.example.com", "TRUSTED_PROXIES": PROXIES}, {"E003"}),
    "loopback behind a proxy of this machine": ({"PUBLIC_URL": "http://127.0.0.1:8080/hareline", "TRUSTED_PROXIES": PROXIES}, set()),
    "an easy password behind https": ({"PUBLIC_URL": "https://ops.example.com", "ADMIN_PASSWORD": "password1"}, {"E004"}),
    "a short token behind https": ({"PUBLIC_URL": "https://ops.example.com", "API_TOKEN": "s3cret"}, {"E005"}),
    "good ones behind https": ({"PUBLIC_URL": "https://ops.example.com", "ADMIN_PASSWORD": "a password of ours", "API_TOKEN": "a" * 20}, set()),
    "plain http that is allowed": ({"HOST": "0.0.0.0", "ALLOW_UNSAFE": frozenset({"plain-http"})}, set()),
    "what is allowed does not allow another thing": ({"HOST": "0.0.0.0", "DEBUG": True, "ALLOW_UNSAFE": frozenset({"plain-http"})}, {"E001"}),
}


@pytest.fixture(autouse=True)
def safe(settings: LazySettings, tmp_path: Path) -> None:
    settings.TRUSTED_PROXIES = proxies.parse("")
    settings.DEBUG, settings.SECRET_KEY, settings.HOST, settings.PUBLIC_URL, settings.DATA_DIR = False, GOOD, "127.0.0.1", "", tmp_path


@every_case("case", list(CASES), name=str)
def test_each_problem_is_found_and_no_other(case: str, settings: LazySettings) -> None:
    overridden, expected = CASES[case]
    before = {name: getattr(settings, name) for name in overridden}
    for name, value in overridden.items():
        setattr(settings, name, value)
    found = production_is_safe()
    for name, value in before.items():
        setattr(settings, name, value)
    assert {str(problem.id).removeprefix("hareline.") for problem in found} == expected
    assert [problem for problem in found if "HARELINE_ALLOW_UNSAFE=" not in str(problem.hint)] == []


def test_no_problem_repeats_a_secret(settings: LazySettings) -> None:
    settings.SECRET_KEY = settings.API_TOKEN = settings.ADMIN_PASSWORD = "s3cret"
    settings.HOST = "0.0.0.0"
    assert len(found := production_is_safe()) == 4
    assert "s3cret" not in str(found)


def test_a_web_process_looks_at_the_address_that_it_listens_on(settings: LazySettings) -> None:
    refuse_exposure("127.0.0.1")
    with pytest.raises(ImproperlyConfigured, match=r"plain http on 0\.0\.0\.0"):
        refuse_exposure("0.0.0.0")
    settings.DEBUG = True
    refuse_exposure("localhost")  # for work on Hareline itself
    with pytest.raises(ImproperlyConfigured, match="HARELINE_DEBUG"):
        refuse_exposure("10.0.0.5")


@pytest.fixture
def reachable(settings: LazySettings) -> Iterator[Path]:
    """A data directory that every user can list and enter; those of pytest are closed."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        settings.DATA_DIR = made
        yield Path(made)


def test_data_that_every_user_can_read_is_refused(settings: LazySettings, reachable: Path) -> None:
    assert {problem.id for problem in production_is_safe()} == {"hareline.E006"}
    reachable.chmod(0o711)
    assert production_is_safe() == []
    key, given = reachable / "secret_key", reachable / "given"
    for path in (key, given):
        path.write_text(GOOD)
        path.chmod(0o644)
    settings.SECRET_FILES = (given,)
    found = production_is_safe()
    assert [str(path) in str(problem.msg) for path, problem in zip((key, given), found, strict=True)] == [True, True]
    reachable.chmod(0o700)  # nobody else gets to them any more
    assert production_is_safe() == []


def test_secrets_that_a_container_mounts_may_be_readable_by_all_in_it(reachable: Path) -> None:
    given = reachable / "given"
    given.write_text(GOOD)
    given.chmod(0o444)
    assert is_open_secret(given)
    assert not is_open_secret(given, mounted=reachable)


def test_what_is_not_there_is_readable_by_nobody(tmp_path: Path) -> None:
    assert not readable_by_others(tmp_path / "nothing")


def test_names_of_what_is_allowed_are_checked() -> None:
    name = "HARELINE_ALLOW_UNSAFE"
    assert environment.allowed_unsafe({name: "plain-http, debug"}, name) == {"plain-http", "debug"}
    assert environment.allowed_unsafe({}, name) == frozenset()
    with pytest.raises(ImproperlyConfigured, match=r"HARELINE_ALLOW_UNSAFE: expected some of debug, .* got everything"):
        environment.allowed_unsafe({name: "everything"}, name)
