"""How many examples hypothesis tries: few in a usual run, many with --nightly."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def load(nightly: bool) -> None:
    settings.load_profile("nightly" if nightly else "quick")


def examples(quick: int, nightly: int) -> int:
    """`max_examples` of a test whose examples take longer than most."""
    return nightly if settings.get_current_profile_name() == "nightly" else quick
