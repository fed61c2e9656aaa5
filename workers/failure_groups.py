"""Which failures are the same: by the exception, where the user's code raised it, and what of its message does not vary. Pure, and linear in the length of
what workers report.

Of chained exceptions the last one counts, which ended the task; of an exception group the group itself. The place is the innermost frame of the
user's own code: no frame of the standard library, of an installed package, of Celery. A task whose package is installed itself is the
user's code too: the first frame below Celery's. Lines are no part of it, so that a deploy that moves code makes no new group.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import msgspec

from workers.message_folding import folded

VERSION = 1
"""Another one makes new groups of everything that fails from then on."""
ANY_MESSAGE = "*"
MOST_FRAMES = 500
LONGEST_NAME, LONGEST_PLACE, LONGEST_MESSAGE = 200, 300, 300
LONGEST_READ = 200_000
OF_CELERY = ("celery", "kombu", "billiard", "amqp", "vine")
_WRAPPERS = (*OF_CELERY, "sentry_sdk", "opentelemetry", "ddtrace", "newrelic", "elasticapm", "wrapt")
"""Packages between Celery and a task."""
_INSTALLED = ("/site-packages/", "/dist-packages/")
_STANDARD = re.compile(r"/lib(?:64)?/(?:python|pypy)[\d.]{0,6}/|/python\d{0,4}/lib/", re.IGNORECASE)
_FRAME = re.compile(r'File "([^"\n]++)", line (\d{1,9})(?:, in (.{1,200}))?')
_BORDER = "| +"
_GROUP_MEMBER = re.compile(r"\s{0,200}+[|+ -]{0,200}?\+-{2,}")
_NAME = re.compile(r"[^\W\d][\w.]{0,500}+")
_CHAINS = ("The above exception was the direct cause of", "During handling of the above exception")
_HEAD = "Traceback (most recent call last)"
_INLINED = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")
_VARIES = re.compile(r"\d{4}|[0-9a-f]{12}")


class Frame(msgspec.Struct, frozen=True):
    """`code` is the line as it was, "" where the traceback has none. `is_users`: of the user's own code."""

    file: str
    line: int
    function: str
    code: str = ""
    is_users: bool = False


class Kind(msgspec.Struct, frozen=True):
    """What failures of a group have in common. `exception` is the class without its module, "" where none is known; `place` is "file in function", else
    "task name", "" without either; `message` is folded."""

    exception: str
    place: str
    message: str

    @property
    def fingerprint(self) -> str:
        """The same in every process and version, as long as VERSION is."""
        parts = (str(VERSION), self.exception, self.place, self.message)
        return blake2b("\x00".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @property
    def with_any_message(self) -> Kind:
        """The group of further messages, where there are too many of them."""
        return Kind(self.exception, self.place, ANY_MESSAGE)


OTHERS = Kind("", "", ANY_MESSAGE)
"""The group of what has no group of its own, because there are too many."""


def kind_of(exception: str | None, traceback: str | None, task: str | None) -> Kind:
    """The group of a failure, from the texts of its event: `exception` as repr prints it.

    >>> kind_of("Declined('order 17')", 'File "/srv/shop/pay.py", line 4, in pay', "shop.pay")
    Kind(exception='Declined', place='shop/pay.py in pay', message='order …')
    >>> kind_of("TimeLimitExceeded(300)", None, "shop.report")
    Kind(exception='TimeLimitExceeded', place='task shop.report', message='…')
    """
    name, message = _named(exception or "", traceback or "")
    place = _place_in(_until_last_frame(traceback or "")) or (f"task {task}" if task else "")
    return Kind(name[:LONGEST_NAME], place[:LONGEST_PLACE], message[:LONGEST_MESSAGE])


def _until_last_frame(traceback: str) -> str:
    """Without the message at the end: what is left is the same for most failures of a group."""
    last = traceback.rfind('File "')
    end = traceback.find("\n", last)
    return traceback if last < 0 or end < 0 or any(chain in traceback[end:] for chain in _CHAINS) else traceback[:end]


@lru_cache(maxsize=512)
def _place_in(traceback: str) -> str:
    return place_of(frames_of(traceback))


def frames_of(traceback: str) -> list[Frame]:
    """The frames of the exception that was raised last, the outermost first; [] where there are none, as in texts of other languages. Of very long tracebacks
    the last frames."""
    lines = _last_part(traceback[-LONGEST_READ:])
    found: list[Frame] = []
    for at, line in enumerate(lines):
        frame = _FRAME.match(line)
        if frame and (frame[3] or frame[1].startswith("<") or "/" in frame[1] or "\\" in frame[1]):
            code = lines[at + 1] if at + 1 < len(lines) and not _FRAME.match(lines[at + 1]) else ""
            found.append(Frame(frame[1], int(frame[2]), (frame[3] or "").strip(), "" if _is_marker(code) else code))
    return _with_owners(found[-MOST_FRAMES:])


def _last_part(traceback: str) -> list[str]:
    """The lines of the last exception in the chain, without those of the members of an exception group."""
    lines: list[str] = []
    is_member = False
    for raw in traceback.split("\n"):
        line = raw.strip().lstrip(_BORDER)
        if line.startswith(_CHAINS) and raw[:1].strip():
            lines, is_member = [], False
        elif _GROUP_MEMBER.match(raw):
            is_member = True
        elif not is_member:
            lines.append(line)
    return lines


def _is_marker(line: str) -> bool:
    return not line.strip("^~ ") or line.startswith(("[Previous line repeated", _HEAD))


def _with_owners(frames: Sequence[Frame]) -> list[Frame]:
    """The frames, each with whether it is the user's. Where all are of installed packages, those of the task's own package are."""
    owned = [not _is_installed(frame.file) for frame in frames]
    if not any(owned):
        package = _package_of_task(frames)
        owned = [bool(package) and _package(frame.file) == package for frame in frames]
    return [msgspec.structs.replace(frame, is_users=mine) for frame, mine in zip(frames, owned, strict=True)]


def _is_installed(file: str) -> bool:
    path = file.replace("\\", "/")
    if path.startswith("<") or any(folder in path for folder in _INSTALLED) or _STANDARD.search(path):
        return True
    return any(folder in OF_CELERY for folder in path.split("/")[:-1])


def _package(file: str) -> str:
    """The top package of an installed file; "" for others.

    >>> _package("/venv/lib/python3.11/site-packages/shop/pay.py")
    'shop'
    """
    path = file.replace("\\", "/")
    for folder in _INSTALLED:
        _, there, rest = path.rpartition(folder)
        if there:
            return rest.partition("/")[0].removesuffix(".py")
    return ""


def _package_of_task(frames: Sequence[Frame]) -> str:
    """The package of the first frame that Celery calls."""
    packages = [_package(frame.file) for frame in frames]
    last = max((at for at, package in enumerate(packages) if package == "celery"), default=-1)
    if last < 0:
        return ""
    return next((package for package in packages[last + 1 :] if package and package not in _WRAPPERS), "")


def place_of(frames: Sequence[Frame]) -> str:
    """The innermost frame of the user's code as "file in function"; "" without one. A lambda or comprehension is in the function around it.

    >>> place_of([Frame("/srv/releases/20261124/shop/pay.py", 4, "pay", is_users=True), Frame("/usr/lib/python3.11/json/__init__.py", 346, "loads")])
    'shop/pay.py in pay'
    """
    mine = [frame for frame in frames if frame.is_users]
    if not mine:
        return ""
    last = mine[-1]
    around = (frame for frame in reversed(mine) if frame.file == last.file and frame.function not in _INLINED)
    function = next(around, last).function if last.function in _INLINED else last.function
    return f"{short_file(last.file)} in {function}" if function else short_file(last.file)


def innermost(frames: Sequence[Frame]) -> Frame | None:
    """The frame that `place_of` names."""
    return next((frame for frame in reversed(frames) if frame.is_users), None)


def short_file(file: str) -> str:
    """The last folder and the file, without what a deploy changes.

    >>> short_file("/srv/shop/tasks/pay.py"), short_file("C:\\\\shop\\\\pay.py"), short_file("/srv/20261124120000/pay.py"), short_file("pay.py")
    ('tasks/pay.py', 'shop/pay.py', '…/pay.py', 'pay.py')
    """
    path = file.replace("\\", "/")
    for folder in _INSTALLED:
        path = path.rpartition(folder)[2]
    *_, folder, name = ("", *path.split("/"))
    if not folder:
        return name
    return f"{'…' if _VARIES.search(folder) else folder}/{name}"


def _named(exception: str, traceback: str) -> tuple[str, str]:
    """(class, folded message)."""
    head = _NAME.match(exception)
    after = exception[head.end() :] if head else ""
    if head and after[:1] == "(":
        inner = after[1:-1] if after.endswith(")") else after[1:]
        return head[0].rpartition(".")[2], _message(head[0], inner)
    known, text = _last_line(traceback)
    if known:
        return known, _message(known, exception or text)
    is_name = head and (not after or after[:1] in ":,") and head[0][:1].isupper()
    return (head[0].rpartition(".")[2], _message(head[0], after.lstrip(":, "))) if head and is_name else ("", _message("", exception))


def _message(name: str, text: str) -> str:
    """What is in the parentheses, folded: as it is written for people, where it is one text.

    >>> _message("E", "'no card'"), _message("E", "2, 'No such file'"), _message("E", "'it', \\"isn't\\"")
    ('no card', "…, 'No such file'", '\\'it\\', "isn\\'t"')
    """
    shown = folded(f"{name}({text})").removeprefix(f"{name}(").removesuffix(")")
    quote = shown[:1]
    if quote in ("'", '"') and len(shown) > 1 and shown.endswith(quote) and quote not in shown[1:-1]:
        shown = shown[1:-1]
    return " ".join(shown.split())


def _last_line(traceback: str) -> tuple[str, str]:
    """(class, message) of the line that ends a traceback: `shop.errors.Declined: no card`; ("", "") where it has none."""
    if _HEAD not in traceback and 'File "' not in traceback:
        return "", ""
    last = ""
    for line in traceback[-LONGEST_READ:].split("\n"):
        if line[:1].strip() and not line.startswith((_HEAD, *_CHAINS)) and _FRAME.match(line) is None:
            last = last if _NAME.match(line) is None else line
    head = _NAME.match(last)
    if not head or last[head.end() : head.end() + 1] not in ("", ":"):
        return "", ""
    return head[0].rpartition(".")[2], last[head.end() :].lstrip(": ")
