"""A Dockerfile as stages of steps, for those instructions that Hareline's own has. Pure; an instruction or option that is not known is an error, so that
what runs these steps elsewhere can't leave one out."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath

METADATA = frozenset({"VOLUME", "EXPOSE"})
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class UnknownStep(ValueError):
    """A line that can't be run outside of a builder of images."""


@dataclass(frozen=True)
class Run:
    command: str
    environment: Mapping[str, str]
    directory: str


@dataclass(frozen=True)
class Copy:
    sources: tuple[str, ...]
    destination: str
    stage: str  # "" is the build context
    directory: str


@dataclass
class Stage:
    base: str
    name: str = ""
    steps: list[Run | Copy] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)


def lines_of(text: str) -> Iterable[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined, comments left out.

    >>> list(lines_of("# note\\nRUN a \\\\\\n  && b\\nUSER 1"))
    [('RUN', 'a   && b'), ('USER', '1')]
    """
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n", " ", kept).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


def parse(text: str, given: Mapping[str, str] | None = None) -> list[Stage]:
    """The stages in their order; `given` are build arguments. Raises UnknownStep."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for name, rest in lines_of(text):
        if name == "ARG" and not stages:
            key, _, usual = rest.partition("=")
            arguments[key] = (given or {}).get(key, usual)
        elif name == "FROM":
            base, *called = _filled_in(rest, arguments).split()
            if called and (len(called) != 2 or called[0].upper() != "AS"):
                raise UnknownStep(f"FROM {rest}")
            stages.append(Stage(base, called[1] if called else ""))
        elif stages:
            _add(stages[-1], name, rest)
        else:
            raise UnknownStep(f"{name} {rest}")
    return stages


def ignored(path: str, patterns: Iterable[str]) -> bool:
    """True for a path of the context that a line of .dockerignore names, itself or a directory above it.

    >>> ignored("a/b/x.pyc", ["**/*.pyc"]), ignored("x.pyc", ["**/*.pyc"]), ignored("var/log/x", ["var"]), ignored("a/var/x", ["var"])
    (True, True, True, False)
    """
    parts = PurePosixPath(path).parts
    whole = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for pattern in patterns:
        if pattern.startswith("**/"):
            if any(fnmatch(part, pattern[3:]) for part in parts):
                return True
        elif any(fnmatch(above, pattern) and above.count("/") == pattern.count("/") for above in whole):
            return True
    return False


def patterns_of(text: str) -> list[str]:
    """The patterns of a .dockerignore. Raises UnknownStep for one that takes a file back."""
    found = [line.strip().rstrip("/") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for pattern in found:
        if pattern.startswith("!") or "**" in pattern.removeprefix("**/"):
            raise UnknownStep(pattern)
    return found


def _add(stage: Stage, name: str, rest: str) -> None:
    if name == "RUN" and not rest.startswith(("--", "[")):
        stage.steps.append(Run(rest, dict(stage.environment), stage.directory))
    elif name == "COPY":
        stage.steps.append(_copy(rest, stage.directory))
    elif name == "ENV":
        stage.environment.update(_assigned(rest))
    elif name == "WORKDIR":
        stage.directory = rest
    elif name == "USER":
        stage.user = rest
    elif name == "ENTRYPOINT":
        stage.entrypoint = _listed(rest)
    elif name == "CMD":
        stage.command = _listed(rest)
    elif name == "HEALTHCHECK":
        stage.healthcheck = _listed(re.sub(r"^(--[\w-]+=\S+\s+)*CMD\s+", "", rest))
    elif name not in METADATA:
        raise UnknownStep(f"{name} {rest}")


def _copy(rest: str, directory: str) -> Copy:
    words = shlex.split(rest)
    options = [word for word in words if word.startswith("--")]
    if len(options) > 1 or any(not option.startswith("--from=") for option in options):
        raise UnknownStep(f"COPY {rest}")
    *sources, destination = [word for word in words if word not in options]
    return Copy(tuple(sources), destination, options[0].removeprefix("--from=") if options else "", directory)


def _assigned(rest: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in shlex.split(rest)]
    if not all(equals for _, equals, _ in pairs) or "$" in rest:
        raise UnknownStep(f"ENV {rest}")
    return {name: value for name, _, value in pairs}


def _listed(rest: str) -> list[str]:
    try:
        return [str(word) for word in json.loads(rest)]
    except ValueError:
        raise UnknownStep(rest) from None


def _filled_in(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)
