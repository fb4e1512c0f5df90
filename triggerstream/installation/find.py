"""Which installation a command means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from triggerstream.ops.settings import BOOTSTRAP, Settings

if TYPE_CHECKING:
    from triggerstream.installation.port import Installation

STATE: Final = ".triggerstream"
"""The folder that makes a directory a local installation (`stream.local.directory`)."""
TRIGGERS: Final = "triggers"
"""The folder of a project that holds its triggers, if they are not in the project's own."""


def home_of(deployed: Path) -> Path:
    """Return the directory of the project whose triggers, or which itself, is *deployed*."""
    whole = deployed.absolute()
    if whole.name == TRIGGERS and not (deployed / STATE).is_dir():
        parent = deployed.parent if deployed.name == TRIGGERS else whole.parent
        if (parent / STATE).is_dir():
            return parent
    return deployed


def find_installation(settings: Settings, directory: Path, *, is_named: bool) -> Installation:
    """Return the installation that *settings* and *directory* name.

    It is the Kafka at `BOOTSTRAP` where that is set; else the local one in *directory*, if there is
    one; else the Kafka at the default address, whose absence is told with both remedies.

    Args:
        is_named: Whether somebody named the directory; else it is the current one.
    """
    if "bootstrap" in settings.kafka.model_fields_set:
        from triggerstream.installation.kafka import KafkaInstallation

        return KafkaInstallation(settings)
    if (directory / STATE).is_dir():
        from triggerstream.installation.local import LocalInstallation

        return LocalInstallation(directory)
    from triggerstream.installation.kafka import KafkaInstallation

    where, up = (f"{directory}", f"{directory}") if is_named else ("this directory", "DIR")
    return KafkaInstallation(
        settings,
        otherwise=f", and {where} is no local installation: start one by `triggerstream up {up}`, "
        f"or set {BOOTSTRAP}",
    )
