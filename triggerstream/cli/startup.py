"""What the commands that talk to Kafka begin with, and how they tell that they cannot."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from triggerstream.errors import SettingsError, UnreachableError

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


def prepare_process() -> Settings:
    """Do what `prepare` does, and make the directory for this process's states.

    Raises:
        SettingsError: As `prepare`, or the directory cannot be made or written to.
    """
    settings = prepare()
    directory = settings.data_dir
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(settings, error.strerror or str(error)) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _not_writable(settings, "it cannot be written to")
    return settings


def _not_writable(settings: Settings, why: str) -> SettingsError:
    return SettingsError(
        "TRIGGERSTREAM_DATA_DIR: required is a directory of this process alone; "
        f"found {str(settings.data_dir)!r} ({why})"
    )


@contextmanager
def reaching_kafka(settings: Settings) -> Iterator[None]:
    """Tell what Kafka's client raises in the words of whoever set it up.

    Raises:
        UnreachableError: The brokers do not answer, or refuse.
        SettingsError: A certificate or key file cannot be read.
    """
    from aiokafka.errors import KafkaError

    try:
        yield
    except (KafkaError, ConnectionError) as error:
        msg = (
            "TRIGGERSTREAM_KAFKA__BOOTSTRAP: required are brokers that answer; "
            f"found {settings.kafka.bootstrap} ({error})"
        )
        raise UnreachableError(msg) from error
    except OSError as error:
        if settings.kafka.security.endswith("ssl"):
            msg = f"TRIGGERSTREAM_KAFKA__TLS_…: required are readable PEM files; found: {error}"
            raise SettingsError(msg) from error
        raise


def ask_kafka(question: Coroutine[Any, Any, T], settings: Settings) -> T:
    """Run *question*, which talks to the brokers, and return its answer.

    Raises:
        UnreachableError, SettingsError: As `reaching_kafka`.
    """
    with reaching_kafka(settings):
        return asyncio.run(question)
