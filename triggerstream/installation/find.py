"""Which installation a command means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from triggerstream.errors import UsageError
from triggerstream.ops.settings import BOOTSTRAP, Settings
from triggerstream.stream.local.directory import NAME

if TYPE_CHECKING:
    from triggerstream.installation.port import Installation

TRIGGERS: Final = "triggers"
"""The folder of a project that holds its triggers, if they are not in the project's own."""


def home_of(deployed: Path) -> Path:
    """Return the directory of the project whose triggers, or which itself, is *deployed*."""
    whole = deployed.absolute()
    if whole.name == TRIGGERS and not (deployed / NAME).is_dir():
        parent = deployed.parent if deployed.name == TRIGGERS else whole.parent
        if (parent / NAME).is_dir():
            return parent
    return deployed


def find_installation(
    settings: Settings, directory: Path | None, *, is_deployed: bool = False
) -> Installation:
    """Return the installation that *settings* and *directory* name.

    It is the Kafka at `BOOTSTRAP` where that is set; else the local one in *directory*, if there is
    one; else the Kafka at the default address, whose absence is told with both remedies.

    Args:
        directory: The current one, if ``None``.
        is_deployed: It is what is deployed, wherever to; else whoever names a directory means what
            is in it.

    Raises:
        UsageError: *directory* was named, and there is none in it.
    """
    place = directory or Path()
    if "bootstrap" in settings.kafka.model_fields_set:
        from triggerstream.installation.kafka import KafkaInstallation

        return KafkaInstallation(settings)
    if (place / NAME).is_dir():
        from triggerstream.installation.local import LocalInstallation

        return LocalInstallation(place)
    if directory is not None and not is_deployed:
        msg = (
            f"--dir: required is a directory with an installation, which `triggerstream up "
            f"{directory}` makes in its {NAME}; found {str(directory)!r}"
        )
        raise UsageError(msg)
    from triggerstream.installation.kafka import KafkaInstallation

    where, up = ("this directory", "DIR") if directory is None else (f"{directory}",) * 2
    return KafkaInstallation(
        settings,
        otherwise=f", and {where} is no local installation: start one by `triggerstream up {up}`, "
        f"or set {BOOTSTRAP}",
    )
