"""Variables of the environment: what is refused at the start, and by which sentence."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard import environment

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
