"""What nearly every test of a page begins with."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.models import User


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def person(client: Client) -> Client:
    """An administrator who is logged in."""
    client.force_login(User.objects.create_superuser("ada", password="secret"))
    return client
