"""Hypothesis: a fixed, quick set of examples by default; ``--hypothesis-profile=long`` searches."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

settings.register_profile(
    "quick", max_examples=200, derandomize=True, deadline=None, suppress_health_check=SLOW_TO_DRAW
)
settings.register_profile(
    "long", max_examples=20_000, deadline=None, suppress_health_check=SLOW_TO_DRAW
)
settings.load_profile("quick")
