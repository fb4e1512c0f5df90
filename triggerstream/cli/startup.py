"""What the commands that talk to Kafka begin with, and how they tell that they cannot."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Container, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from triggerstream.errors import SettingsError, UnreachableError

if TYPE_CHECKING:
    from triggerstream.ops.settings import Settings

T = TypeVar("T")

BOOTSTRAP = "TRIGGERSTREAM_KAFKA__BOOTSTRAP"


def prepare(*, libraries: int = logging.CRITICAL) -> Settings:
    """Read the settings, and send the logs where they say.

    Args:
        libraries: From which level on client libraries are heard. A command tells in one sentence
            what it met, so what they have said before is noise.

    Raises:
        SettingsError: With every problem of the environment.
    """
    from triggerstream.ops.logs import configure_logs
    from triggerstream.ops.settings import load_settings

    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format, libraries=libraries)
    return settings


def prepare_process() -> Settings:
    """Do what `prepare` does, and make the directory for this process's states.

    Raises:
        SettingsError: As `prepare`, or the directory cannot be made or written to.
    """
    settings = prepare(libraries=logging.WARNING)
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

    from triggerstream.stream.kafka.reach import unreachable

    try:
        yield
    except UnreachableError as error:
        is_default = "bootstrap" not in settings.kafka.model_fields_set
        if not (is_default and str(error).startswith(BOOTSTRAP)):
            raise
        msg = f"{error}. It is the default, since {BOOTSTRAP} is not set"
        raise UnreachableError(msg) from error
    except (KafkaError, ConnectionError) as error:
        raise unreachable(settings.kafka.bootstrap, error) from error
    except OSError as error:
        if settings.kafka.security.endswith("ssl"):
            msg = f"TRIGGERSTREAM_KAFKA__TLS_…: required are readable PEM files; found: {error}"
            raise SettingsError(msg) from error
        raise


def ask_kafka(
    question: Coroutine[Any, Any, T], settings: Settings, *, needs: Iterable[str] = ()
) -> T:
    """Run *question*, which talks to the brokers, and return its answer.

    Args:
        needs: Short names of topics that must be there.

    Raises:
        UnreachableError: As `reaching_kafka`, or one of *needs* is not there. Both are known within
            five seconds, and before *question* begins.
        SettingsError: As `reaching_kafka`.
    """
    from triggerstream.stream.kafka.client import client_options
    from triggerstream.stream.kafka.reach import reach
    from triggerstream.stream.kafka.topics import Topics

    topics = Topics(settings.kafka.topic_prefix)

    async def ask() -> T:
        try:
            _require(await reach(client_options(settings.kafka)), map(topics.name, needs), settings)
        except BaseException:
            question.close()
            raise
        return await question

    with reaching_kafka(settings):
        return asyncio.run(ask())


def _require(found: Container[str], needed: Iterable[str], settings: Settings) -> None:
    for topic in needed:
        if topic not in found:
            msg = (
                f"required is the topic {topic}; {settings.kafka.bootstrap} has no such topic: "
                "has a `triggerstream worker` run here yet, with this prefix?"
            )
            raise UnreachableError(msg)
