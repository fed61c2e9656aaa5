"""Sends the tasks of a batch one after the other, at its rate, in a thread of the web process. Each is sent once: it is marked before it may leave.

A batch stops where one could not be sent, where it is not known whether it arrived, or where the person may no longer send; a person goes on with it. A program
that ends leaves the rest waiting.
"""

from __future__ import annotations

import threading

import msgspec
import structlog
from django.db import connections
from django.utils import timezone

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard import queries, store
from dashboard.again import action as again
from dashboard.again.looked_up import looked_up
from dashboard.layout import changing
from dashboard.models import RunAgain, RunAgainBatch, User
from dashboard.people.access import scope_of
from dashboard.send import action as sending
from dashboard.send.action import Prediction
from dashboard.send.order import Order
from workers import queries as worker_queries
from workers.sending.send_options import Options

log = structlog.get_logger(__name__)
_never = threading.Event()
Route = tuple[str, Options]


def start(batch_id: int) -> None:
    """Begins to send in a thread of its own."""
    threading.Thread(target=_in_thread, args=(batch_id,), name=f"run again {batch_id}", daemon=True).start()


def _in_thread(batch_id: int) -> None:
    try:
        run(batch_id)
    except Exception:
        log.exception("run_again_failed", batch=batch_id)
    finally:
        connections.close_all()


def run(batch_id: int) -> None:
    """Sends what waits, and returns once the batch is over."""
    routes: dict[Route, Prediction] = {}
    while waiting := queries.run_again_items(batch_id, (RunAgain.WAITING,), most=2):
        _never.wait(queries.run_again_pause(batch_id, timezone.now()))
        batch = queries.run_again_batch(EVERYTHING, batch_id)  # with what its person may do by now
        if batch is None:
            return None
        user, broker = batch.user, broker_queries.broker(EVERYTHING, batch.broker)
        if why := _why_not(user, broker, batch):
            return store.end_run_again(batch_id, RunAgainBatch.STOPPED, why)
        if user is None or broker is None or not store.take_run_again(waiting[0].pk, batch_id, timezone.now()):
            return None
        state, reason = _sent(user, broker, batch, waiting[0], routes)
        store.end_run_again_item(waiting[0].pk, state, reason)
        if state in ("not sent", "unknown"):
            return store.end_run_again(batch_id, RunAgainBatch.STOPPED if len(waiting) > 1 else RunAgainBatch.DONE, reason)
    return store.end_run_again(batch_id, RunAgainBatch.DONE)


def _why_not(user: User | None, broker: Broker | None, batch: RunAgainBatch) -> str:
    """Why nothing more of the batch is sent, as a sentence; "" if it goes on."""
    if user is None or not user.is_active:
        return "The account that began it is gone or disabled."
    if broker is None:
        return f"There is no broker {batch.broker} any more."
    return changing.refusal(again.CHANGE, user, broker, batch.vhost, timezone.now())[0]


def _sent(user: User, broker: Broker, batch: RunAgainBatch, item: RunAgain, routes: dict[Route, Prediction]) -> tuple[str, str]:
    """(the state of the item, why)."""
    scope = scope_of(user)
    task = worker_queries.task_by_id(scope, item.old_task) if item.old_task else None
    order, why = again.order_of(task, looked_up([task]).get(task.uuid)) if task is not None else (None, "The task is no longer kept, or not visible any more.")
    if order is None:
        return RunAgain.LEFT_OUT, why
    predicted = _predicted(user, broker, batch.vhost, order, routes)
    done = sending.send(user, broker, batch.vhost, predicted, item.new_uuid, timezone.now(), again_of=item.old_uuid)
    return (done.sent.outcome, done.sent.reason) if done is not None else ("unknown", "It was being sent already.")


def _predicted(user: User, broker: Broker, vhost: str, order: Order, routes: dict[Route, Prediction]) -> Prediction:
    """Where the order goes: worked out once for all of one name that go to one place."""
    route = (order.task, order.options)
    if route not in routes:
        routes[route] = sending.predict(scope_of(user), order, broker, vhost, timezone.now())
    found = routes[route]
    same = {"args": order.args, "kwargs": order.kwargs, "args_text": order.args_text, "kwargs_text": order.kwargs_text}
    return msgspec.structs.replace(found, order=msgspec.structs.replace(found.order, **same))
