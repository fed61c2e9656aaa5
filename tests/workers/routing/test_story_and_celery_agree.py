"""Random configurations, tasks and calls: our explanation equals what Celery's own code does, and explaining never raises."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers import dry_run
from workers.destinations import BadQuestion, describe, read_question, send
from workers.explain_task import explain, same

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = ["celery", "mail", "feeds", "a", ""]
TYPES = ["direct", "topic", "fanout", "headers", ""]
KEYS = ["a.b", "feed.#", "*", "", "k"]

name, kind, key = st.sampled_from(NAMES), st.sampled_from(TYPES), st.sampled_from(KEYS)
maybe_name, maybe_key = st.none() | name, st.none() | key


def some(**fields):
    return st.fixed_dictionaries({}, optional=fields)


exchange = some(name=name, type=kind, durable=st.booleans(), no_declare=st.booleans()).map(lambda data: {"$exchange": data})
binding = st.fixed_dictionaries({"exchange": exchange, "routing_key": key}).map(lambda data: {"$binding": data})
arguments = st.none() | st.sampled_from([{}, {"x-queue-type": "quorum"}, {"x-max-priority": 3}])
queue_fields = {
    "exchange": st.none() | exchange | name,
    "routing_key": maybe_key,
    "queue_arguments": arguments,
    "durable": st.none() | st.booleans(),
    "exclusive": st.none() | st.booleans(),
    "no_declare": st.none() | st.booleans(),
    "max_priority": st.none() | st.integers(1, 9),
    "message_ttl": st.none() | st.sampled_from([1, 2.5]),
    "alias": st.none() | st.sampled_from(["mail", "alias"]),
}
queue = st.fixed_dictionaries({"name": name}, optional={**queue_fields, "bindings": st.lists(binding, max_size=2)}).map(lambda data: {"$queue": data})
broadcast = st.fixed_dictionaries({"name": st.sampled_from(["all", "mail"])}, optional={"queue": st.sampled_from(["bq"]), "unique": st.booleans()}).map(
    lambda data: {"$broadcast": data}
)
old_queue = some(exchange=name, exchange_type=kind, binding_key=maybe_key, routing_key=maybe_key, durable=st.booleans(), queue_arguments=arguments)
queues = st.none() | st.lists(queue | broadcast, max_size=4) | st.dictionaries(name, old_queue | queue, max_size=3)
destination = {
    "queue": maybe_name | queue | broadcast | st.sampled_from(["all", "alias"]),
    "exchange": maybe_name | exchange,
    "routing_key": maybe_key,
    "exchange_type": st.none() | kind,
    "priority": st.none() | st.integers(0, 9),
}
odd = st.sampled_from(["expires", "countdown", "name", "ignore_result", "retries", "chain", "now", "message", "body", "producer", "x-custom", "headers"])
route = name | some(**destination) | st.builds(lambda data, more: {**data, more: None}, some(**destination), odd)
pattern = st.sampled_from(["tasks.add", "tasks.*", "*", "t?sks.*", "[st]asks.*", "other", "tasks.[!a]*"])
regexp = st.sampled_from(["tasks", "(tasks|x)\\..*", "add", "^TASKS", ".*add$"]).map(lambda text: {"$regex": text})
pairs = st.lists(st.tuples(pattern | regexp, route).map(list), max_size=3)
function = st.sampled_from(
    ["by_name_prefix", "returns_string", "returns_none", "returns_empty", "by_options", "by_task_attr", "sets_priority", "exchange_and_key", "old_instance"]
)
router = st.dictionaries(pattern, route, max_size=3) | pairs | function.map(lambda data: {"$router": data}) | function.map(lambda data: f"routers.{data}")
routes = st.none() | st.lists(router, max_size=3) | router
conf = some(
    task_default_queue=st.sampled_from(["celery", "mail", "a"]),
    task_default_queue_type=st.sampled_from(["classic", "quorum"]),
    task_default_exchange=maybe_name,
    task_default_exchange_type=kind,
    task_default_routing_key=maybe_key,
    task_queues=queues,
    task_routes=routes,
    task_create_missing_queues=st.booleans(),
    task_create_missing_queue_type=st.sampled_from(["classic", "quorum", "stream"]),
    task_create_missing_queue_exchange_type=st.sampled_from(["topic", "direct", ""]),
    task_queue_max_priority=st.none() | st.integers(1, 5),
    task_default_priority=st.none() | st.integers(0, 5),
    task_protocol=st.sampled_from([1, 2]),
    task_annotations=st.none() | st.dictionaries(st.sampled_from(["tasks.add", "*", "b"]), some(**destination), max_size=2),
)
options = some(
    **destination,
    countdown=st.none() | st.sampled_from([0, 0.5, 1, 30, -3, 2**29]),
    eta=st.none() | st.sampled_from(["2026-11-23T12:05:00+00:00", "2026-11-23T11:00:00", "2026-11-23T12:00:10Z"]),
    expires=st.none() | st.sampled_from([0, 60, "2026-11-24T12:00:00"]),
    route_name=st.sampled_from(["tasks.add", "other"]),
    tenant=st.just("acme"),
    declare=st.lists(queue | exchange, max_size=2),
)
attributes = some(**destination, lane=st.just("fast"), soft_time_limit=st.just(9), time_limit=st.just(5), expires=st.just(7))
questions = st.fixed_dictionaries(
    {"conf": conf, "task": st.fixed_dictionaries({"name": st.sampled_from(["tasks.add", "mail.send", "other"])}, optional={"attributes": attributes})},
    optional={
        "options": options,
        "sig_options": options,
        "via": st.sampled_from(["apply_async", "delay", "send_task", "send_task+finalize", "signature", "signature.set", "group", "chain"]),
    },
)


@settings(suppress_health_check=list(HealthCheck))
@given(questions)
def test_the_story_ends_where_celery_goes(routers, data):
    try:
        question = read_question(data)
    except BadQuestion:
        return
    ran = dry_run.run(question, routers, NOW)
    sending = send(question, ran.answers, NOW)
    assert same(ran.outcome, sending.outcome), (ran.outcome, sending.outcome)
    for step in describe(sending):
        assert step.why.endswith("."), step


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["$queue", "$regex", "$exchange", "name", "queue"]), inner, max_size=3)
    ),
    max_leaves=8,
)
broken = (
    st.fixed_dictionaries({"conf": some(task_queues=anything, task_routes=anything, task_annotations=anything, task_default_queue=anything), "task": anything})
    | anything
)
half_broken = st.fixed_dictionaries(
    {
        "conf": some(task_queues=anything, task_routes=anything | st.dictionaries(pattern, anything), task_annotations=anything),
        "task": st.just({"name": "tasks.add"}),
    },
    optional={"options": st.dictionaries(st.sampled_from(["queue", "exchange", "priority", "eta", "declare", "headers"]), anything), "predeclare": anything},
)


@settings(suppress_health_check=list(HealthCheck))
@given(broken | half_broken)
def test_every_question_has_an_answer(data):
    found = explain(data)
    assert set(found) == {"queue", "exchange", "exchange_type", "routing_key", "error", "certain", "steps", "broker"}
