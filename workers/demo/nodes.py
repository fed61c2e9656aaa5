"""The demo's worker nodes: name@host and the arguments of `celery worker`. Two share a host name; each has another pool."""

from __future__ import annotations

NODES: dict[str, tuple[str, ...]] = {
    "worker-a@web-1": ("--pool=prefork", "--concurrency=4", "--queues=orders.eu,orders.us,receipts"),
    "worker-b@web-1": ("--pool=threads", "--concurrency=8", "--queues=mail,search.index"),
    "thumbs@media-1": ("--pool=prefork", "--autoscale=6,2", "--queues=thumbnails,thumbnails.webp"),
    "stock@batch-1": ("--pool=solo", "--queues=stock.sync"),
    "reports@batch-2": ("--pool=prefork", "--concurrency=2", "--queues=reports.nightly"),
}
