"""HARELINE_MACHINES, read and checked."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured

from brokers.addresses import BrokerAddress, variable_suffix
from dashboard.arrangements.declared import Declared, InvalidMachines, parse


def machines(variables: Mapping[str, str], brokers: tuple[BrokerAddress, ...]) -> dict[str, Declared]:
    """By broker which hosts are which machine: HARELINE_MACHINES_<NAME>, or else HARELINE_MACHINES."""
    found = {}
    for broker in brokers:
        own = f"HARELINE_MACHINES_{variable_suffix(broker.name)}"
        name = own if own in variables else "HARELINE_MACHINES"
        try:
            found[broker.name] = parse(variables.get(name, ""))
        except InvalidMachines as error:
            raise ImproperlyConfigured(f"{name}: {error}") from None
    return found
