"""A real Apache Kafka for the end-to-end tests, one for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from deploy.local_kafka import jars
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.run import BOOTSTRAP


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
