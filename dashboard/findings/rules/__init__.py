"""The rules, a module each. A rule that explains others looks before them.

Adding one: a module with the names of `dashboard.findings.rule.Rule`, a line here, its row in docs/findings.md, its tests in tests/findings.
"""

from dashboard.findings.rule import Rule
from dashboard.findings.rules import broker_away, no_consumer

RULES: tuple[Rule, ...] = (
    broker_away,
    no_consumer,
)
"""Those that look at one broker."""

OWN_RULES: tuple[Rule, ...] = ()
"""Those that look at Hareline itself."""

ALL: dict[str, Rule] = {rule.KEY: rule for rule in (*RULES, *OWN_RULES)}
