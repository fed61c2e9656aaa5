"""Compares pinned versions with stored advisories in the form of OSV, and reads what pip-audit answered. Standard library only, for script/audit-dependencies.

A version counts as affected where an advisory lists it, or where it is inside one of its ranges. An advisory about a package of ours that can't be compared
is reported as not checked.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOUND, UNCHECKED = 1, 3
ORDER = {"fixed": 0, "introduced": 1}
"""Of events at the same version."""
_PLAIN = re.compile(r"v?(\d+(?:\.\d+)*)(?:\.post\d+)?")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(directory: Path) -> dict[tuple[str, str], str]:
    """{(ecosystem, package): version} of all lock files."""
    found = {}
    for path in sorted(directory.glob("requirements*.txt")):
        for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s\\;]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found["PyPI", canonical(name)] = version
    packages = json.loads((directory / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for place, package in packages.items():
        if place:
            found["npm", place.rpartition("node_modules/")[2]] = package["version"]
    return found


def numbers(version: str) -> tuple[int, ...] | None:
    """The parts of a plain version without zeros at its end; None for any other (pre-releases).

    >>> numbers("5.2.0"), numbers("1.0rc1")
    ((5, 2), None)
    """
    match = _PLAIN.fullmatch(version)
    if match is None:
        return None
    parts = [int(part) for part in match[1].split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def is_affected(version: str, affected: Mapping[str, Any]) -> bool | None:
    """Whether one entry `affected` of an advisory is about this version; None where that can't be known."""
    if version in affected.get("versions", ()):
        return True
    own, unknown = numbers(version), False
    for span in affected.get("ranges", ()):
        if span.get("type") == "GIT":
            continue
        events = [(numbers(text), kind) for event in span.get("events", ()) for kind, text in event.items()]
        known = sorted((at, ORDER.get(kind, 2), kind) for at, kind in events if at is not None)  # they may be listed in any order
        if own is None or len(known) < len(events):
            unknown = True
            continue
        inside = False
        for at, _, kind in known:
            if kind == "introduced" and own >= at:
                inside = True
            elif (kind == "fixed" and own >= at) or (kind == "last_affected" and own > at):
                inside = False
        if inside:
            return True
    return None if unknown else False


def compared(advisories: Iterable[Mapping[str, Any]], packages: Mapping[tuple[str, str], str]) -> Iterator[tuple[bool | None, str]]:
    """(affected or not known, a line) for each advisory about a package of ours that does not rule it out."""
    for advisory in advisories:
        if advisory.get("withdrawn"):
            continue
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            ecosystem, name = package.get("ecosystem", ""), package.get("name", "")
            version = packages.get((ecosystem, canonical(name) if ecosystem == "PyPI" else name))
            if version and (found := is_affected(version, affected)) is not False:
                yield found, f"{name} {version}: {advisory['id']} {advisory.get('summary', '')}".rstrip()


def check(directory: Path) -> int:
    packages = pinned(ROOT)
    files = sorted(directory.rglob("*.json"))
    ecosystems = set()
    unreadable, lines = [], []
    for path in files:
        try:
            advisory = json.loads(path.read_text(encoding="utf-8"))
            ecosystems |= {entry.get("package", {}).get("ecosystem") for entry in advisory.get("affected", ())}
            lines += list(compared([advisory], packages))
        except (ValueError, KeyError, AttributeError, OSError) as error:
            unreadable.append(f"{path.name}: can't be read ({type(error).__name__})")
    for affected, line in lines:
        print(f"{'FOUND        ' if affected else 'not checked  '} {line}")
    missing = [f"{ecosystem}: {directory} has no advisories of it" for ecosystem in ("PyPI", "npm") if ecosystem not in ecosystems]
    for line in (*unreadable, *missing):
        print(f"not checked   {line}")
    if any(affected for affected, _ in lines):
        return FOUND
    if unreadable or missing or lines:
        return UNCHECKED
    print(f"ok            {len(packages)} packages, {len(files)} advisories")
    return 0


def summary(answer: Mapping[str, Any]) -> str:
    """What pip-audit's JSON comes to. A package that it skipped, as it does without a word of failure, was not checked."""
    dependencies = answer["dependencies"]
    vulnerable = [f"{one['name']} {one['version']}: {', '.join(each['id'] for each in one['vulns'])}" for one in dependencies if one.get("vulns")]
    skipped = [one for one in dependencies if "skip_reason" in one]
    if vulnerable:
        return "FOUND " + "\n".join(vulnerable)
    if skipped or not dependencies:
        return f"UNCHECKED {len(skipped)} of {len(dependencies)} packages; {skipped[0]['skip_reason'] if skipped else 'none was listed'}"
    return f"RIGHT {len(dependencies)} packages"


if __name__ == "__main__":
    if sys.argv[1:] == ["--summary"]:
        print(summary(json.load(sys.stdin)))
    else:
        sys.exit(check(Path(sys.argv[1])))
