"""How many examples hypothesis tries: few in a usual run, many with --nightly."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

settings.register_profile("quick", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def load(nightly: bool) -> None:
    settings.load_profile("nightly" if nightly else "quick")
    if not nightly:  # constants of all our modules, of which few examples take one: 4 s of processor time in a fresh clone
        assert callable(providers.is_local_module_file)
        providers.is_local_module_file = lambda path: False


def examples(quick: int, nightly: int) -> int:
    """`max_examples` of a test whose examples take longer than most."""
    return nightly if settings.get_current_profile_name() == "nightly" else quick
