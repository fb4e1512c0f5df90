"""What the commands that talk to an installation begin with, and how they tell that they cannot."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from triggerstream.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from triggerstream.installation.port import Installation
    from triggerstream.ops.settings import Settings

T = TypeVar("T")

BOOTSTRAP = "TRIGGERSTREAM_KAFKA__BOOTSTRAP"

Dir = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="The local installation: the directory that `triggerstream up` runs in; the current "
        "one, unless said. Not with TRIGGERSTREAM_KAFKA__BOOTSTRAP, which names a Kafka.",
        show_default=False,
    ),
]
"""The option of all commands that speak to an installation."""


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


def reaching_kafka(settings: Settings) -> AbstractContextManager[None]:
    """Tell what Kafka's client raises inside in the words of whoever set it up
    (`stream.kafka.reach.reaching`)."""
    from triggerstream.stream.kafka.reach import reaching

    return reaching(settings)


def find(directory: Path | None, *, is_deployed: bool = False) -> tuple[Settings, Installation]:
    """Return the installation that a command means, and its settings (`installation.find`).

    As `up` does, it takes settings from the ``.env`` of the directory, where the environment does
    not say otherwise.

    Args:
        directory: Named by the command's caller; the current directory, if ``None``.
        is_deployed: It is what is deployed, wherever to.

    Raises:
        UsageError: *directory* is no installation, or not the one that the environment names.
        SettingsError: As `prepare`.
    """
    from triggerstream.cli.up import read_env

    if directory is not None and not is_deployed and BOOTSTRAP in os.environ:
        msg = (
            f"--dir: required is an environment without {BOOTSTRAP}, which names another "
            "installation; found both"
        )
        raise UsageError(msg)
    from triggerstream.installation.find import find_installation, home_of
    from triggerstream.stream.local.directory import NAME

    if directory is not None and is_deployed:
        directory = home_of(directory)
    place = directory or Path()
    if directory is not None or (place / NAME).is_dir():
        read_env(place / ".env")
    settings = prepare()
    return settings, find_installation(settings, directory, is_deployed=is_deployed)


def ask(installation: Installation, question: Coroutine[Any, Any, T], *needs: str) -> T:
    """Run *question*, which talks to *installation*, and return its answer.

    Args:
        needs: Topics that must be there.

    Raises:
        UnreachableError: The installation does not answer, or refuses, or one of *needs* is not
            there. Both are known within five seconds, and before *question* begins.
        SettingsError: As `Installation.talking`.
    """

    async def asking() -> T:
        try:
            await installation.reach(needs)
        except BaseException:
            question.close()
            raise
        return await question

    with installation.talking():
        return asyncio.run(asking())
