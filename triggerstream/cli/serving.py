"""What the commands that talk to Kafka begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from triggerstream.errors import UnreachableError

if TYPE_CHECKING:
    from triggerstream.ops.settings import Settings

T = TypeVar("T")


def prepare() -> Settings:
    """Read the settings, and send the logs where they say.

    Raises:
        SettingsError: With every problem of the environment.
    """
    from triggerstream.ops.logs import configure_logs
    from triggerstream.ops.settings import load_settings

    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


def ask_kafka(question: Coroutine[Any, Any, T], settings: Settings) -> T:
    """Run *question*, which talks to the brokers, and return its answer.

    Raises:
        UnreachableError: The brokers do not answer.
    """
    from aiokafka.errors import KafkaError

    try:
        return asyncio.run(question)
    except (KafkaError, OSError) as error:
        msg = (
            f"TRIGGERSTREAM_KAFKA__BOOTSTRAP: required are brokers that answer; found "
            f"{settings.kafka.bootstrap} ({type(error).__name__}: {error})"
        )
        raise UnreachableError(msg) from error
