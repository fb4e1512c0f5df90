"""Hypothesis, the engine that is tested, and a real Apache Kafka for the tests that need one.

Hypothesis tries a fixed, quick set of examples; ``--hypothesis-profile=long`` searches. With
``--engine compiled`` a run ends at once if anything that a wheel has compiled would be imported as
Python (`deploy.compiled` starts such runs).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

from deploy.local_kafka import jars
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.run import BOOTSTRAP
from hatch_build import COMPILED

SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

settings.register_profile(
    "quick", max_examples=200, derandomize=True, deadline=None, suppress_health_check=SLOW_TO_DRAW
)
settings.register_profile(
    "long", max_examples=20_000, deadline=None, suppress_health_check=SLOW_TO_DRAW
)
settings.load_profile("quick")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore Ctrl-C, and that is inherited: whom a test
    # starts, in order to interrupt it, would not hear it either.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=("python", "compiled"), default="python")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test another engine than the one that was asked for, in each process of a run."""
    kind = config.getoption("--engine")
    suffixes = tuple(EXTENSION_SUFFIXES) if kind == "compiled" else (".py",)
    found = {name: find_spec(name) for name in COMPILED}
    other = [
        f"{name} ({spec and spec.origin})"
        for name, spec in found.items()
        if spec is None or not str(spec.origin).endswith(suffixes)
    ]
    if other:
        raise pytest.UsageError(f"--engine {kind}: required are such modules; found {other[0]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first, so that no core has nothing to do while the last of them runs."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


class ExistingBroker:
    """The broker that ``KAFKA_BOOTSTRAP`` names: its life is not ours to end."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker | ExistingBroker]:
    """A running broker: `.bootstrap`. Topics are made with `deploy.local_kafka.topics`.

    Without Java or Maven the test is skipped, and fails instead where ``CI`` is set.
    """
    if bootstrap := os.environ.get(BOOTSTRAP):
        yield ExistingBroker(bootstrap)
        return
    if missing := jars.missing_tools():
        said = f"not run against a real Kafka, which needs {' and '.join(missing)} or {BOOTSTRAP}"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    with Broker() as broker:
        yield broker
