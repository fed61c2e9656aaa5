"""Every recorded case of Celery 5.7 with a real broker: where the task went, by Celery's own code and by our story."""

import json
from datetime import UTC, datetime
from operator import itemgetter

from tests.every_case import every_case
from tests.workers.routing.conftest import CASES
from workers import dry_run
from workers.destinations import describe, read_question, send
from workers.explain_task import answer, same

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALL = json.loads((CASES / "routing" / "celery_corpus.json").read_text())["cases"]
ADDRESS = ("queue", "exchange", "exchange_type", "routing_key")


def shown(queue):
    return f"{queue.name} {json.dumps(queue.arguments)}" if queue.arguments else queue.name


@every_case("case", ALL, itemgetter("id"))
def test_the_task_goes_where_it_really_went(case, routers):
    expected, found = case["expect"], answer(case, routers, NOW)
    assert found.certain
    if "error" in expected:
        assert found.error.startswith(expected["error"] + ": ")
        return
    assert found.error is None
    assert {name: getattr(found, name) for name in ADDRESS} == {name: expected[name] for name in ADDRESS}
    assert found.priority == expected["properties"].get("priority")
    assert sorted(f"{one.name} ({one.type})" for one in found.existing.exchanges.values()) == sorted(expected["declared"]["exchanges"])
    assert sorted(map(shown, found.existing.queues.values())) == sorted(expected["declared"]["queues"])


@every_case("case", ALL, itemgetter("id"))
def test_our_story_is_celerys(case, routers):
    question = read_question(case)
    ran = dry_run.run(question, routers, NOW)
    sending = send(question, ran.answers, NOW)
    assert same(ran.outcome, sending.outcome)
    assert all(step.why.endswith(".") and "\n" not in step.why for step in describe(sending))
