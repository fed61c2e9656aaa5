"""Which failures are the same: tracebacks as Python 3.8 to 3.13, Celery and billiard print them, and as nobody should."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.every_case import every_case
from workers.failure_groups import Kind, frames_of, innermost, kind_of
from workers.message_folding import folded

CELERY = """Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/celery/app/trace.py", line 451, in trace_task
    R = retval = fun(*args, **kwargs)
                 ^^^^^^^^^^^^^^^^^^^^
  File "/venv/lib/python3.11/site-packages/celery/app/trace.py", line 734, in __protected_call__
    return self.run(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^
"""
OLD = CELERY.replace("                 ^^^^^^^^^^^^^^^^^^^^\n", "").replace("           ^^^^^^^^^^^^^^^^^^^^^^^^^\n", "").replace("3.11", "3.8")
PAY = '  File "/srv/shop/tasks.py", line 17, in pay\n    charge(card)\n'
CHARGE = '  File "/srv/shop/cards.py", line 42, in charge\n    raise Declined(card)\n'
JSON = '  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode\n    raise JSONDecodeError("Expecting value", s, err.value) from None\n'
BILLIARD = '''Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/billiard/pool.py", line 1264, in mark_as_worker_lost
    raise WorkerLostError(
billiard.einfo.RemoteTraceback: 
"""
billiard.exceptions.WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL) Job: 7.
"""

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/billiard/pool.py", line 1264, in mark_as_worker_lost
    raise WorkerLostError(
billiard.exceptions.WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL) Job: 7.
'''  # noqa: W291  (as Python prints it)
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/tasks.py", line 30, in many
  |     raise ExceptionGroup("two failed", errors)
  | ExceptionGroup: two failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/cards.py", line 42, in charge
    |     raise Declined(card)
    | shop.errors.Declined: no card
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/mail.py", line 9, in send
    |     raise OSError(5)
    | OSError: 5
    +------------------------------------
"""
INSTALLED = CELERY + '  File "/venv/lib/python3.11/site-packages/shop/tasks.py", line 17, in pay\n    charge()\n'
CAUSED = "\n\nThe above exception was the direct cause of the following exception:\n\n"
NEW = '  File "/srv/shop/new.py", line 3\n    def (\n        ^\nSyntaxError: no\n'
DRIVER = '  File "/venv/lib/python3.11/site-packages/psycopg/connection.py", line 117, in connect\n    raise ex\n'
RECURSION = PAY + "    ~~~~~~^^^^^^\n  [Previous line repeated 975 more times]\nRecursionError: maximum recursion depth exceeded\n"
CASES: dict[str, tuple[str | None, str | None, tuple[str, str, str]]] = {
    "3.11 with markers": ("Declined('card 17')", CELERY + PAY + CHARGE + "shop.errors.Declined: card 17\n", ("Declined", "shop/cards.py in charge", "card …")),
    "3.8 without": ("Declined('card 18')", OLD + PAY + CHARGE + "shop.errors.Declined: card 18\n", ("Declined", "shop/cards.py in charge", "card …")),
    "in a library that the user's code called": (
        "JSONDecodeError('Expecting value: line 1 column 1 (char 0)')", CELERY + PAY + JSON,
        ("JSONDecodeError", "shop/tasks.py in pay", "Expecting value: line … column … (char …)"),
    ),
    "chained: the last one": (
        "Unpaid()", CELERY + PAY + CHARGE + "shop.errors.Declined: x\n\nDuring handling of the above exception, another exception occurred:\n\n"
        + CELERY + PAY + "shop.errors.Unpaid\n", ("Unpaid", "shop/tasks.py in pay", ""),
    ),
    "chained: from a cause": (
        "Unpaid('no')", "Traceback (most recent call last):\n" + CHARGE + "Declined: x" + CAUSED
        + CELERY + PAY + "Unpaid: no\n", ("Unpaid", "shop/tasks.py in pay", "no"),
    ),
    "an exception group": ("ExceptionGroup('two failed', [Declined(), OSError(5)])", GROUP,
                           ("ExceptionGroup", "shop/tasks.py in many", "'two failed', [Declined(), OSError(…)]")),
    "a worker that was killed": (
        "WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 7.')", BILLIARD,
        ("WorkerLostError", "task shop.pay", "Worker exited prematurely: signal … (SIGKILL) Job: …."),
    ),
    "a time limit without any traceback": ("TimeLimitExceeded(300)", None, ("TimeLimitExceeded", "task shop.pay", "…")),
    "a soft time limit in the user's code": ("SoftTimeLimitExceeded()", CELERY + PAY + "celery.exceptions.SoftTimeLimitExceeded: SoftTimeLimitExceeded()\n",
                                             ("SoftTimeLimitExceeded", "shop/tasks.py in pay", "")),
    "a task that is installed as a package": ("OSError('x')", INSTALLED + DRIVER + "OSError: x\n", ("OSError", "shop/tasks.py in pay", "x")),
    "a task wrapped by a monitoring library": (
        "OSError('x')", CELERY + '  File "/venv/lib/python3.11/site-packages/sentry_sdk/integrations/celery/__init__.py", line 9, in _inner\n    f()\n'
        + INSTALLED.removeprefix(CELERY) + "OSError: x\n", ("OSError", "shop/tasks.py in pay", "x"),
    ),
    "a deploy to another folder": ("E()", 'File "/srv/releases/20261124093000/tasks.py", line 4, in pay', ("E", "…/tasks.py in pay", "")),
    "on Windows": ("E()", 'File "C:\\Python311\\Lib\\json\\a.py", line 4, in b\nFile "C:\\shop\\tasks.py", line 4, in pay', ("E", "shop/tasks.py in pay", "")),
    "in a comprehension": ("E()", PAY + PAY.replace("in pay", "in <listcomp>"), ("E", "shop/tasks.py in pay", "")),
    "in a lambda of a module": ("E()", PAY.replace("in pay", "in <lambda>"), ("E", "shop/tasks.py in <lambda>", "")),
    "in generated code": ("E()", PAY + '  File "<attrs generated init a>", line 3, in __init__\n', ("E", "shop/tasks.py in pay", "")),
    "repeated": ("RecursionError('maximum recursion depth exceeded')", RECURSION,
                 ("RecursionError", "shop/tasks.py in pay", "maximum recursion depth exceeded")),
    "a traceback cut at its beginning": ("Declined()", "…ard)\n" + CHARGE + "Declined\n", ("Declined", "shop/cards.py in charge", "")),
    "cut within a frame": ("Declined()", '…p/tasks.py", line 3, in pay\n    x()\n' + CHARGE, ("Declined", "shop/cards.py in charge", "")),
    "a source that does not compile": ("SyntaxError('invalid syntax')", CELERY + PAY + NEW,
                                       ("SyntaxError", "shop/new.py", "invalid syntax")),
    "no exception, a traceback": (None, CELERY + PAY + "shop.errors.Declined: card 17\n", ("Declined", "shop/tasks.py in pay", "card …")),
    "an exception with a repr of its own": ("<no card: 17>", CELERY + PAY + "shop.errors.Declined: no card: 17\n",
                                            ("Declined", "shop/tasks.py in pay", "<no card: …>")),
    "a repr of its own and no traceback": ("Declined: card 17", None, ("Declined", "task shop.pay", "card …")),
    "a text that is no exception": ("no such thing 5", None, ("", "task shop.pay", "no such thing …")),
    "nothing at all": (None, None, ("", "task shop.pay", "")),
    "another language": ("Error('x')", "Error: x\n    at pay (/srv/shop/pay.js:3:7)\n    at main.go:17 +0x1d\n", ("Error", "task shop.pay", "x")),
    "markup": ("E('<script>alert(1)</script>')", "<script>alert(1)</script>", ("E", "task shop.pay", "<script>alert(…)<…>")),
    "of a module": ("shop.errors.Declined('x')", None, ("Declined", "task shop.pay", "x")),
    "several arguments": ("FileNotFoundError(2, 'No such file or directory')", None, ("FileNotFoundError", "task shop.pay", "…, 'No such file or directory'")),
}  # fmt: skip


@every_case("case", list(CASES), str)
def test_the_group_of_each_is_its_exception_its_place_and_what_of_its_message_does_not_vary(case: str) -> None:
    exception, traceback, expected = CASES[case]
    assert kind_of(exception, traceback, "shop.pay") == Kind(*expected)


FOLDED = {
    "a number": ("E('order 17 of 3')", "E('order … of …')"),
    "a uuid, also one without digits between": ("E('0b4ee1f5-abcd-4a4c-9a6e-a2c4cd0f6a20 gone')", "E('… gone')"),
    "an address in memory": ("E('<shop.Card object at 0x7f3b1c>')", "E('<shop.Card object at …>')"),
    "a path": ("OSError(2, 'no file: /srv/in/a b.csv')", "OSError(…, 'no file: … b.csv')"),
    "a path of Windows": (r"E('C:\in\a.csv')", "E('…')"),
    "an address of the network": ("E('10.0.0.1:5432 refused')", "E('… refused')"),
    "a host and port": ("E('db.shop:5432 refused')", "E('db.shop:… refused')"),
    "an address of a page": ("E('https://api.shop/orders/17?x=1 failed')", "E('https://api.shop/…=… failed')"),
    "a mail address": ("E('no such user: ann@shop.example.')", "E('no such user: ….')"),
    "a moment": ("E('since 2026-11-24T12:00:00.5+00:00')", "E('since …')"),
    "an id in quotes": ("KeyError('cust_17')", "KeyError('…')"),
    "a word in quotes": ("KeyError('customer')", "KeyError('customer')"),
    "a status": ("HTTPError('404 for order 17')", "HTTPError('404 for order …')"),
    "digits of the class": ("Http404('x')", "Http404('x')"),
    "nothing": ("", ""),
}


@every_case("case", list(FOLDED), str)
def test_numbers_ids_addresses_and_paths_are_folded_and_words_are_not(case: str) -> None:
    text, expected = FOLDED[case]
    assert folded(text) == expected


@given(st.text(alphabet=st.sampled_from("aZ09fé4 .:,-_/\\'\"@(){}<>=…\n"), max_size=80) | st.text(max_size=60))
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert len(once) <= len(text)


@given(st.text(max_size=300), st.text(max_size=300), st.none() | st.text(max_size=20))
def test_any_text_has_a_group_and_always_the_same(exception: str, traceback: str, task: str | None) -> None:
    found = kind_of(exception, traceback, task)
    assert found == kind_of(exception, traceback, task) and len(found.fingerprint) == 32
    assert kind_of(exception.split("(")[0], f"{CELERY}{PAY}{traceback}", task) is not None


def test_lines_that_move_by_a_deploy_make_no_new_group_and_another_function_does() -> None:
    before = kind_of("Declined('card 17')", CELERY + PAY + CHARGE, "shop.pay")
    assert before.fingerprint == kind_of("Declined('card 18')", CELERY + PAY + CHARGE.replace("42", "57"), "shop.pay").fingerprint
    assert before.fingerprint != kind_of("Declined('card 17')", CELERY + PAY + CHARGE.replace("in charge", "in refund"), "shop.pay").fingerprint
    assert before.fingerprint == "b58f497691848f9e08161b72a6afab4d"  # as version 1 has it: another one splits every group that is stored


HOSTILE = (
    'File "',
    "a" * 50,
    "1-",
    " ",
    '"',
    "| + ",
    "\\",
    'File "/a.py", line 1, in b\n',
    "During handling of the above exception\n",
    "(",
    "4 ",
    "é_",
    "@",
    "http://",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_ten_times_the_text_takes_about_ten_times_as_long(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        began = time.process_time()
        kind_of(f"E({text})", text, "shop.pay")
        return time.process_time() - began

    short, long = min(seconds(10_000) for _ in range(3)), min(seconds(100_000) for _ in range(2))
    assert long < 60 * max(short, 0.0005)  # quadratic would be a hundred times


def test_the_users_frames_are_marked_with_their_code() -> None:
    frames = frames_of(CELERY + PAY + CHARGE + JSON)
    assert [(frame.function, frame.is_users) for frame in frames] == [
        ("trace_task", False), ("__protected_call__", False), ("pay", True), ("charge", True), ("raw_decode", False),
    ]  # fmt: skip
    found = innermost(frames)
    assert found is not None and (found.line, found.code) == (42, "raise Declined(card)")
