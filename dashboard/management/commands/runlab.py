"""`manage.py runlab`: the lab's process. Runs the experiments that people start on the page "Lab", until SIGTERM."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand
from django.utils import timezone

from brokers import store
from brokers.polling import holders
from brokers.process_runner import set_on_signals
from dashboard.lab.runner import Runner, run

ROUND_SECONDS = {True: 0.3, False: 1.0}


class Command(BaseCommand):
    help = "Runs the experiments of the messaging lab on the brokers of HARELINE_LAB, until SIGTERM."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        ended = set_on_signals()
        runner = Runner(holders.this_process(), store.installation_id(timezone.now()))
        run(runner, ended.wait, ROUND_SECONDS)
