"""script/audit-dependencies: what is found is found, and what was not checked is never counted as right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from script.stored_advisories import ROOT, check, compared, is_affected, pinned, summary

RANGE = {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "4.2.1"}, {"introduced": "5.0"}, {"fixed": "5.2.20"}]}]}
UNSORTED = {"ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "5.2.20"}, {"introduced": "5.0"}, {"fixed": "4.2.1"}, {"introduced": "0"}]}]}
ONE_VERSION = {"ranges": [{"type": "SEMVER", "events": [{"last_affected": "1.0"}, {"introduced": "1.0"}]}]}
LAST = {"ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0"}, {"last_affected": "2.0.11"}]}]}


@pytest.mark.parametrize(
    ("version", "affected", "expected"),
    [
        ("4.2", RANGE, True),
        ("4.2.1", RANGE, False),
        ("4.2.1.0", RANGE, False),
        ("5.2.19", RANGE, True),
        ("5.2.20", RANGE, False),
        ("4.2", UNSORTED, True),
        ("4.2.1", UNSORTED, False),
        ("5.2.19", UNSORTED, True),
        ("5.2.20", UNSORTED, False),
        ("1.0", ONE_VERSION, True),
        ("1.1", ONE_VERSION, False),
        ("2.0.11", LAST, True),
        ("2.0.12", LAST, False),
        ("1.0rc1", LAST, None),
        ("1.0rc1", {"versions": ["1.0rc1"]}, True),
        ("1.0", {}, False),
    ],
)
def test_a_version_is_compared_with_lists_and_ranges(version: str, affected: dict[str, Any], expected: bool | None) -> None:
    assert is_affected(version, affected) is expected


def advisory(name: str, ecosystem: str = "PyPI", **more: Any) -> dict[str, Any]:
    return {"id": "X-1", "summary": "bad", "affected": [{"package": {"ecosystem": ecosystem, "name": name}, **RANGE}], **more}


def test_only_our_packages_count_whatever_the_spelling_and_not_what_was_withdrawn() -> None:
    ours = {("PyPI", "django-ninja"): "4.0", ("npm", "uplot"): "6.0"}
    given = [advisory("Django_Ninja"), advisory("uplot"), advisory("uplot", "npm"), advisory("django-ninja", withdrawn="2026-01-01")]
    assert list(compared(given, ours)) == [(True, "Django_Ninja 4.0: X-1 bad")]


def test_every_pinned_package_is_read_from_the_lock_files() -> None:
    found = pinned(ROOT)
    assert {("PyPI", "django"), ("PyPI", "psycopg"), ("PyPI", "pytest"), ("npm", "htmx.org"), ("npm", "@tabler/icons")} <= found.keys()


def test_stored_advisories_end_in_found_not_checked_or_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == 3, "an empty directory"
    (tmp_path / "a.json").write_text(json.dumps(advisory("nothing-of-ours")))
    assert check(tmp_path) == 3, "nothing of npm"
    (tmp_path / "b.json").write_text(json.dumps(advisory("nothing-of-ours", "npm")))
    assert check(tmp_path) == 0
    (tmp_path / "c.json").write_text("{")
    assert check(tmp_path) == 3
    (tmp_path / "d.json").write_text(
        json.dumps({"id": "X-2", "affected": [{"package": {"ecosystem": "PyPI", "name": "Django"}, "versions": [pinned(ROOT)["PyPI", "django"]]}]})
    )
    assert check(tmp_path) == 1
    assert "FOUND         Django" in capsys.readouterr().out


def test_a_package_that_pip_audit_skips_was_not_checked() -> None:
    right, skipped = {"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}
    assert summary({"dependencies": [right]}) == "RIGHT 1 packages"
    assert summary({"dependencies": [right, skipped]}) == "UNCHECKED 1 of 2 packages; not found"
    assert summary({"dependencies": []}).startswith("UNCHECKED")
    assert summary({"dependencies": [skipped, {**right, "vulns": [{"id": "X-1"}]}]}) == "FOUND a 1: X-1"
