"""Which installation a command means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from triggerstream.errors import UsageError
from triggerstream.ops.settings import Settings

if TYPE_CHECKING:
    from triggerstream.installation.port import Installation

BOOTSTRAP: Final = "TRIGGERSTREAM_KAFKA__BOOTSTRAP"
STATE: Final = ".triggerstream"
"""The folder that makes a directory of triggers an installation."""


def find_installation(
    settings: Settings, directory: Path | None = None, *, is_deployed: bool = False
) -> Installation:
    """Return the installation that *settings* and *directory* name.

    It is the Kafka at `BOOTSTRAP` where that is set; else the local one in *directory*, if it is
    one; else the Kafka at the default address, whose absence is told with both remedies.

    Args:
        directory: Named by the command's caller; the current directory, if ``None``.
        is_deployed: It is what a command deploys, wherever to: it need be no installation.

    Raises:
        UsageError: *directory* was named, and is no installation, or is not the one that is set.
    """
    is_set = "bootstrap" in settings.kafka.model_fields_set
    if directory is not None and not is_deployed:
        _check(directory, is_set=is_set)
    place = directory or Path()
    if not is_set and (place / STATE).is_dir():
        from triggerstream.installation.local import LocalInstallation

        return LocalInstallation(place)
    from triggerstream.installation.kafka import KafkaInstallation

    where = f"{place}" if directory else "this directory"
    return KafkaInstallation(
        settings,
        otherwise=f", and {where} is no local installation: start one by "
        f"`triggerstream up {directory or 'DIR'}`, or set {BOOTSTRAP}",
    )


def _check(directory: Path, *, is_set: bool) -> None:
    if is_set:
        msg = (
            f"--dir: required is an environment without {BOOTSTRAP}, which names another "
            "installation; found both"
        )
        raise UsageError(msg)
    if not (directory / STATE).is_dir():
        msg = (
            f"--dir: required is a local installation, a directory with {STATE}/ in it, which "
            f"`triggerstream up {directory}` makes; found {str(directory)!r}"
        )
        raise UsageError(msg)
