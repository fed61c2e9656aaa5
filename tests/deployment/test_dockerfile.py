"""Dockerfile, as script/try-image runs it: what it copies is there, what must not be in an image is not, and no line is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from script.dockerfile import Copy, Run, UnknownStep, ignored, parse, patterns_of
from script.image_trial import context

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
STAGES = parse(TEXT)
KEPT = ("manage.py", "pyproject.toml", "script/hareline", "script/server", "static/css/tokens.css", "templates/base.html", "workers/demo/definitions.json")
LEFT_OUT = ("tests/", "var/", ".git", "node_modules/", "docs/screenshots/")


def test_every_stage_is_built_on_the_base_that_an_argument_names() -> None:
    assert [stage.base for stage in STAGES] == ["debian:bookworm-slim"] * 2
    assert [stage.base for stage in parse(TEXT, {"BASE": "debian@sha256:0"})] == ["debian@sha256:0"] * 2


def test_the_image_runs_as_a_user_without_rights_and_checks_its_health() -> None:
    image = STAGES[-1]
    uid, gid = map(int, image.user.split(":"))
    assert uid > 1000 and gid > 1000
    assert (ROOT / image.entrypoint[0].removeprefix("/opt/hareline/")).stat().st_mode & 0o111
    assert (image.command, image.healthcheck[1:]) == (["server"], ["health"])


def test_no_line_names_a_registry() -> None:
    files = ("Dockerfile", "compose.yaml", *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/deployment").rglob("*.yaml")))
    named = {name: re.findall(r"(?:image:|FROM|BASE[:=])\s*[\w.-]+\.[a-z]+/\S+", (ROOT / name).read_text()) for name in files}
    assert {name: found for name, found in named.items() if found} == {}


def test_what_is_copied_is_in_the_context_and_what_is_secret_or_large_is_not() -> None:
    files = set(context())
    sources = {source for stage in STAGES for step in stage.steps if isinstance(step, Copy) and not step.stage for source in step.sources}
    assert sources - files == {"."}
    assert [name for name in KEPT if name not in files] == []
    assert [name for name in files if name.startswith(LEFT_OUT) or name.endswith((".env", ".sqlite3", ".pyc"))] == []


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [(".env", True), ("a/b/.env", True), ("var/secret_key", True), ("various", False), ("workers/var", False), ("static/vendor/x.js", True)],
)
def test_files_are_left_out_as_docker_leaves_them_out(path: str, is_ignored: bool) -> None:
    assert ignored(path, patterns_of((ROOT / ".dockerignore").read_text())) is is_ignored


def test_steps_have_the_environment_and_the_directory_that_stand_above_them() -> None:
    (stage,) = parse("ARG B=x\nFROM ${B} AS one\nENV A=1 C='2 3'\nRUN a \\\n # note\n && b\nWORKDIR /w\nENV D=4\nCOPY --from=zero /x y /z/\nRUN c")
    assert (stage.base, stage.name) == ("x", "one")
    assert stage.steps == [
        Run("a   && b", {"A": "1", "C": "2 3"}, "/"),
        Copy(("/x", "y"), "/z/", "zero", "/w"),
        Run("c", {"A": "1", "C": "2 3", "D": "4"}, "/w"),
    ]


@pytest.mark.parametrize(
    "line",
    ["ADD x /x", "RUN --mount=type=cache,target=/x y", "COPY --chown=1 a b", "ENV A=$B", "CMD server", "ONBUILD RUN x", 'SHELL ["bash"]'],
)
def test_a_line_that_can_not_be_run_in_a_chroot_is_an_error(line: str) -> None:
    with pytest.raises(UnknownStep):
        parse(f"FROM x\n{line}")
    with pytest.raises(UnknownStep):
        patterns_of("!kept")
