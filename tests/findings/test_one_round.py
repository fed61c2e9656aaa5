"""Of Hareline itself there is one row that says when the rules last looked, as of each broker."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from dashboard.models import FindingRound
from tests.findings.objects import NOON

pytestmark = pytest.mark.django_db
ROUND = {"took_ms": 1.0, "rules": 4}


def test_a_second_round_of_hareline_is_refused() -> None:
    FindingRound.objects.create(at=NOON, **ROUND)
    with pytest.raises(IntegrityError), transaction.atomic():
        FindingRound.objects.create(at=NOON, **ROUND)


def test_of_several_that_are_stored_already_the_latest_stays() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_round_of_hareline")
    for seconds in (1, 3, 2):
        FindingRound.objects.create(at=NOON + timedelta(seconds=seconds), **ROUND)
    for _ in range(2):
        import_module("dashboard.migrations.0009_one_round_of_hareline").drop_older(apps, None)
        assert FindingRound.objects.get().at == NOON + timedelta(seconds=3)
