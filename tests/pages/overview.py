"""What tests of the overview store, and the page as it is then."""

from django.utils import timezone

from brokers.models import Broker, Queue, VirtualHost
from tests.findings.evaluated import evaluate
from workers.models import Worker


def stored_broker(now):
    numbers = {"ready": 14028, "unacknowledged": 39, "publish_per_second": 112.6, "deliver_per_second": 88.4, "poll_ms": 38.0}
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, **numbers)
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    return broker


def queue(broker, name="mail", **facts):
    now = timezone.now()
    known = {"vhost": "/", "type": "classic", "state": "running", "ready": 10, "unacknowledged": 0, "depth": 10, "consumers": 1}
    rates = {"publish_per_second": 5.0, "deliver_per_second": 5.0, "ack_per_second": 5.0}
    return Queue.objects.create(broker=broker, name=name, first_seen_at=now, changed_at=now, **(known | rates | facts))


def worker(broker, hostname="worker-a@web-1", **facts):
    now = timezone.now()
    known = {"vhost": "/", "state": Worker.ONLINE, "pool": "prefork", "concurrency": 8, "active": 5, "reserved": 0, "heartbeat_at": now, "since": now}
    return Worker.objects.create(broker=broker, hostname=hostname, first_seen_at=now, changed_at=now, **(known | facts))


def page(person, address="/", rules=True):
    """The page, after the rules looked at what is stored."""
    if rules:
        evaluate(timezone.now())
    answer = person.get(address)
    assert answer.status_code == 200
    return answer.content.decode()
