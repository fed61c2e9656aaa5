"""Variables of the environment: what is refused at the start, and by which sentence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokers.addresses import parse_brokers
from dashboard import environment
from tests.certificates import self_signed
from workers.results.addresses import parse

NAME = "HARELINE_CELERY_APP"


@pytest.mark.parametrize("path", ["proj.celery:app", "app:app", "größe.x:a.b", " proj:app "])
def test_an_import_path_is_taken(path: str) -> None:
    assert environment.import_path({NAME: path}, NAME) == path.strip()


@pytest.mark.parametrize("path", ["proj.celery", "proj.celery:", ":app", "proj/celery.py:app", "proj..celery:app", "1a:b", "a:b()", "a: b"])
def test_an_import_path_that_can_be_none_is_refused_by_one_sentence(path: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^HARELINE_CELERY_APP: expected the import path of a Celery app, such as proj\.celery:app, got '"):
        environment.import_path({NAME: path}, NAME)


def test_without_an_import_path_there_is_none() -> None:
    assert environment.import_path({}, NAME) == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no file"), (b"", "holds no certificate in PEM form"), (b"-----BEGIN CERTIFICATE-----", "holds no certificate")],
)
def test_a_file_without_certificates_is_refused_by_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=f"HARELINE_CA_FILE: .*{words}"):
        environment.certificates({"HARELINE_CA_FILE": str(path)}, "HARELINE_CA_FILE")


def test_a_file_with_a_certificate_is_taken(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path)
    assert environment.certificates({"HARELINE_CA_FILE": str(certificate)}, "HARELINE_CA_FILE") == str(certificate)
    assert environment.certificates({}, "HARELINE_CA_FILE") is None


BROKERS = parse_brokers("prod=http://a:1,http://rabbit-1:2", {})


def test_names_of_celerys_exchanges_are_read_by_broker() -> None:
    variables = {
        "HARELINE_CELERY_PROD": "/shop?event_exchange=team.event",
        "HARELINE_CELERY_APP": "proj:app",
        "HARELINE_CELERY_RABBIT_1_2": "*?control_exchange=c",
    }
    found = environment.celery_names(variables, BROKERS)
    assert {broker: list(names) for broker, names in found.items()} == {"prod": ["/shop"], "rabbit-1:2": ["*"]}
    assert found["prod"]["/shop"].event_exchanges == ("team.event",)


@pytest.mark.parametrize(("variable", "text"), [("HARELINE_CELERY_PRD", "/?event_exchange=e"), ("HARELINE_CELERY_PROD", "/?event_exchnge=e")])
def test_a_name_that_can_not_be_used_stops_the_start_with_its_variable(variable: str, text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=variable):
        environment.celery_names({variable: text}, BROKERS)


def test_result_backends_are_read_by_broker_and_a_wrong_one_stops_the_start_without_its_password() -> None:
    found = environment.by_broker({"HARELINE_RESULTS_PROD": "/=redis://h|*=file:///r"}, "HARELINE_RESULTS_", BROKERS, parse)
    assert {vhost: address.kind for vhost, address in found["prod"].items()} == {"/": "redis", "*": "file"}
    for variable, text in (("HARELINE_RESULTS_PRD", "/=redis://:sesame@h"), ("HARELINE_RESULTS_PROD", "/=mongodb://:sesame@h")):
        with pytest.raises(ImproperlyConfigured, match=variable) as refused:
            environment.by_broker({variable: text}, "HARELINE_RESULTS_", BROKERS, parse)
        assert "sesame" not in str(refused.value)


FERNET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_the_key_of_secrets_is_made_once_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = environment.secrets_keys({}, tmp_path / "new")
    assert environment.secrets_keys({}, tmp_path / "new") == first
    assert (tmp_path / "new" / "secrets_key").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: environment.secrets_keys({}, tmp_path), range(8)))) == 1


def test_several_keys_are_read_the_newest_first(tmp_path: Path) -> None:
    newer = FERNET.replace("MDEy", "OTEy")
    assert environment.secrets_keys({"HARELINE_SECRETS_KEY": f"{newer}, {FERNET}\n"}, tmp_path) == (newer, FERNET)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for text in ("short", f"{FERNET},x", FERNET[:-2]):
        with pytest.raises(ImproperlyConfigured, match=r"^HARELINE_SECRETS_KEY: expected keys of 32 bytes") as refused:
            environment.secrets_keys({"HARELINE_SECRETS_KEY": text}, tmp_path)
        assert text not in str(refused.value)
    (tmp_path / "secrets_key").write_text("no key")
    with pytest.raises(ImproperlyConfigured, match="secrets_key is not a key of ours"):
        environment.secrets_keys({}, tmp_path)


def test_the_address_of_the_heartbeat_is_checked_and_not_repeated() -> None:
    name = "HARELINE_HEARTBEAT_URL"
    assert environment.web_address({name: "https://hc.example/x"}, name) == "https://hc.example/x"
    assert environment.web_address({}, name) == ""
    for text in ("hc.example", "ftp://hc.example/s3cret", "https://u:s3cret@hc.example"):
        with pytest.raises(ImproperlyConfigured, match=r"^HARELINE_HEARTBEAT_URL: expected an address") as refused:
            environment.web_address({name: text}, name)
        assert "s3cret" not in str(refused.value)


def test_a_list_of_what_is_redacted_that_holds_something_else_is_refused_by_one_sentence() -> None:
    assert environment.redaction({}, "HARELINE_REDACT").text("token=x") == "token=[redacted]"
    with pytest.raises(ImproperlyConfigured, match=r"^HARELINE_REDACT: expected names such as \*password\*, .* got '\(a\+\)\+'$"):
        environment.redaction({"HARELINE_REDACT": "defaults, (a+)+"}, "HARELINE_REDACT")
