"""The process itself: it finds the virtual hosts, samples, and ends when stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from brokers import queries
from brokers.models import Exchange
from brokers.polling import leases
from brokers.scope import EVERYTHING
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Watching
from tests.workers.test_watching_faults import Sender

ROOT = Path(__file__).parent.parent.parent


def test_the_receiver_finds_its_virtual_hosts_samples_for_sparklines_and_ends_within_two_seconds(
    rabbitmq: TestNode, vhost: str, watching: Watching, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    sender = Sender(rabbitmq, vhost)
    log = (tmp_path / "receiver.log").open("wb")
    url = rabbitmq.management_url.replace("http://", f"http://{rabbitmq.user}:{rabbitmq.password}@")
    environment = {
        **os.environ,
        "HARELINE_BROKERS": f"test={url}",
        "HARELINE_BROKER_AMQP_TEST": f"amqp://{rabbitmq.user}:{rabbitmq.password}@127.0.0.1:{rabbitmq.ports['amqp']}",
        "HARELINE_DATABASE_URL": os.environ.get("HARELINE_DATABASE_URL", f"sqlite:///{settings.DATABASES['default']['NAME']}"),
    }
    process = subprocess.Popen([sys.executable, "manage.py", "receiveevents"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: leases.holder_of("receive test", datetime.now(UTC)), 30)
        facts = {"type": "topic", "durable": True, "auto_delete": False, "internal": False, "first_seen_at": now, "changed_at": now}
        Exchange.objects.create(broker=watching.broker, vhost=vhost, name="celeryev", **facts)
        watching.wait_for_source(lambda source: source.state == "receiving")
        sender.heartbeat(active=3, freq=60.0)
        worker = watching.wait_for("w@h", lambda worker: worker.state == "online")

        def sampled() -> bool:
            found = queries.sparklines(EVERYTHING, watching.broker.pk, "workers", [worker.pk], "active", now, datetime.now(UTC), 50)
            return 3 in found[worker.pk]

        wait_until(sampled, 15)
        assert [beat.kind for beat in leases.heartbeats()] == ["receiver"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "receiver.log").read_text()  # not by a signal
        assert leases.holder_of("receive test", datetime.now(UTC)) is None
    finally:
        process.kill()
        process.wait()
        log.close()
        sender.link.close()
