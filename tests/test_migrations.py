"""No model differs from its migrations."""

from __future__ import annotations

import pytest
from django.core.management import call_command


def test_the_migrations_make_what_the_models_are(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        call_command("makemigrations", check=True, dry_run=True)
    except SystemExit:
        pytest.fail(f"manage.py makemigrations would make:\n{capsys.readouterr().out}")
