"""Which queues get messages by the default exchange beside their bindings, by the rates that the broker reports."""

from __future__ import annotations

from datetime import timedelta

from brokers.queries import ExchangeFigures, QueueFigures, VhostFigures
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.map.default_traffic import REMEMBERED, by_default, default_edges
from dashboard.map.structure import structure
from tests.brokers.facts import NOON
from tests.every_case import every_case
from workers.celery_names import CeleryNames

RATES = [
    ("nothing by its exchange", 5.0, 0.0, 5.0, {"mail": 5.0}),
    ("its exchange was never used", 5.0, None, 5.0, {"mail": 5.0}),
    ("more than its exchange routes", 5.0, 2.0, 3.0, {"mail": None}),
    ("all by its exchange", 5.0, 5.0, 5.0, {}),
    ("a little more, measured at another moment", 5.0, 4.5, 5.0, {}),
    ("the default exchange routes nothing", 5.0, 0.0, 0.0, {}),
    ("nothing is known of the default exchange", 5.0, 0.0, None, {}),
    ("nothing is known of the queue", None, 0.0, 5.0, {}),
]


def figures(received: float | None, routed: float | None, by_name: float | None) -> VhostFigures:
    exchanges = {"": ExchangeFigures(1, None, by_name), "orders": ExchangeFigures(2, None, routed)}
    return VhostFigures({"mail": QueueFigures(1, publish_per_second=received)}, exchanges)


@every_case("case", RATES, lambda case: case[0])
def test_messages_come_by_the_default_exchange_where_others_do_not_account_for_them(
    case: tuple[str, float | None, float | None, float | None, dict[str, float | None]],
) -> None:
    _, received, routed, by_name, found = case
    assert by_default(figures(received, routed, by_name), [("mail", ["orders"])]) == found


def test_what_comes_over_another_exchange_is_counted_where_it_was_published() -> None:
    exchanges = (ExchangeDefinition("", "direct"), ExchangeDefinition("shop", "topic", arguments={"alternate-exchange": "lost"}),
                 ExchangeDefinition("orders", "topic"), ExchangeDefinition("lost", "fanout"))  # fmt: skip
    bindings = (
        BindingDefinition("shop", "orders", "exchange", "#"),
        BindingDefinition("orders", "mail", "queue", "#"),
        BindingDefinition("lost", "rest", "queue", ""),
    )
    graph = structure(78, Topology("/", exchanges, (QueueDefinition("mail"), QueueDefinition("rest")), bindings), {}, CeleryNames())
    queues = {name: QueueFigures(1, publish_per_second=5.0) for name in ("mail", "rest")}
    for published, count in ((10.0, 0), (None, 2)):
        known = VhostFigures(queues, {"": ExchangeFigures(1, None, 20.0), "shop": ExchangeFigures(2, None, published)})
        assert len(default_edges(78, "/", graph, known, NOON)) == count


def test_the_edge_stays_for_an_hour_with_an_unknown_rate() -> None:
    exchanges = (ExchangeDefinition("", "direct"), ExchangeDefinition("orders", "topic"))
    topology = Topology("/", exchanges, (QueueDefinition("mail"),), (BindingDefinition("orders", "mail", "queue", "#"),))
    graph = structure(77, topology, {}, CeleryNames())
    rates = [
        [edge.rate for edge in default_edges(77, "/", graph, figures(5.0, routed, 5.0), NOON + after)]
        for routed, after in ((5.0, timedelta()), (0.0, timedelta()), (5.0, REMEMBERED), (5.0, REMEMBERED + timedelta(seconds=1)))
    ]
    assert rates == [[], [5.0], [None], []]
