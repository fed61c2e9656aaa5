"""The rate at which tasks are run again holds when a batch is stopped and resumed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from brokers.models import Broker
from dashboard import queries, store
from dashboard.models import RunAgain, User
from tests.pages.failed_tasks import broker as broker
from tests.people import person as a_person

pytestmark = pytest.mark.django_db


def test_two_that_send_one_batch_are_no_faster_than_its_rate(broker: Broker) -> None:
    now, user = timezone.now(), a_person("ada", "operator")
    assert isinstance(user, User)
    batch = store.begin_run_again(user, "prod", "/", "", 0.5, [(None, f"u{number}", f"new-{number}", "shop.pay") for number in range(3)], now)
    first, second, third = RunAgain.objects.order_by("pk")
    assert queries.run_again_pause(batch.pk, now) == 0
    assert store.take_run_again(first.pk, batch.pk, now)
    assert queries.run_again_pause(batch.pk, now + timedelta(seconds=0.5)) == 1.5
    assert not store.take_run_again(second.pk, batch.pk, now + timedelta(seconds=0.5))
    assert store.take_run_again(second.pk, batch.pk, now + timedelta(seconds=2))
    assert not store.take_run_again(third.pk, batch.pk, now + timedelta(seconds=2.1))
