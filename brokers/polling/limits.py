"""All that Hareline's user may not see of a broker, or that could not be read lately: from both threads that read it. Pure."""

from __future__ import annotations

from brokers import visibility
from brokers.polling.poll_memory import PollMemory
from brokers.stats import VisibilityLimit


def all_limits(memory: PollMemory, user: str) -> list[VisibilityLimit]:
    """What is hidden first, then the parts that cannot be read, by name."""
    depths, inventory, limits = memory.depths, memory.inventory, []
    if depths.nodes_refused:
        limits.append(visibility.no_monitoring(user, inventory.user_tags))
    if memory.visible_vhosts is not None:
        limits += [visibility.hidden_vhost(vhost, user) for vhost in sorted(depths.vhosts.keys() - memory.visible_vhosts)]
    if depths.overview is not None and depths.overview.rates_mode == "off":
        limits.append(visibility.STATISTICS_OFF)
    if inventory.operator_policies_refused:
        limits.append(visibility.refused("operator policies", user, inventory.user_tags))
    return [*limits, *visibility.unread(memory.unread)]
