"""One test over every case of a corpus. As a test each, hundreds of them cost pytest and its processes more than the cases themselves."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Sequence
from typing import Any

SHOWN = 10


def every_case(argument: str, cases: Sequence[Any], name: Callable[[Any], str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Calls the test with each case as `argument`; it fails with every case that is wrong, by its name. Its other arguments are pytest's.

    `name`: what a case is called in the message.
    """
    assert cases

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def all_of_them(**given: Any) -> None:
            wrong = []
            for case in cases:
                try:
                    test(**{argument: case}, **given)
                except Exception as error:  # noqa: BLE001  (each is reported)
                    wrong.append(f"{name(case)}\n{''.join(traceback.format_exception(error, limit=-2))}")
            assert not wrong, f"{len(wrong)} of {len(cases)} cases:\n\n" + "\n".join(wrong[:SHOWN])

        signature = inspect.signature(test)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != argument]
        all_of_them.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]  # what pytest reads
        del all_of_them.__wrapped__  # type: ignore[attr-defined]  # else it would read the test's own
        return all_of_them

    return decorate
