"""``up``: a whole installation by one command, on this machine or on a Kafka."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerstream.cli.demo import needing_the_extra
from triggerstream.cli.startup import BOOTSTRAP, prepare
from triggerstream.errors import SettingsError, TriggerFileError, UsageError

if TYPE_CHECKING:
    from triggerstream.core.rulesets.ruleset import Ruleset
    from triggerstream.demo.mailing import Mailing
    from triggerstream.ops.settings import Settings
    from triggerstream.processes.supervisor import Command

PORT = "TRIGGERSTREAM_HTTP__PORT"
AcceptClock = Annotated[
    bool,
    typer.Option(
        "--accept-clock",
        help="Take the machine's clock for right, although it is far ahead of the log.",
    ),
]
Keep = Annotated[
    bool,
    typer.Option("--keep-ruleset", help="Go on with the ruleset in force, whatever DIR holds."),
]


Mailbox = Annotated[
    bool,
    typer.Option(
        "--mailbox", help="Keep all mails here, pass none on, and show them on a page of this run."
    ),
]


def up(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory of trigger files, or of a project.")
    ] = Path(),
    keep_ruleset: Keep = False,
    accept_clock: AcceptClock = False,
    mailbox: Mailbox = False,
) -> None:
    """Run all of it: events in, triggers, messages out. Stops in order on Ctrl-C.

    Without TRIGGERSTREAM_KAFKA__BOOTSTRAP it needs nothing but this machine: everything is kept
    in DIR/.triggerstream, and the triggers in DIR are put in force, if they are not. Where that is
    set, a worker, a sender and an ingest run on that Kafka.

    What ends by a failure is started again. Where a person must act first, it says so and ends.

    DIR/.env may hold settings, one TRIGGERSTREAM_NAME=value a line; the environment comes first.
    """
    _require_directory(directory)
    read_env(directory / ".env")
    mailing = _open_mailing() if mailbox else nullcontext()
    settings = prepare()
    from triggerstream.processes.supervisor import supervise

    if BOOTSTRAP in os.environ:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        commands = _on_kafka(settings, directory, keep_ruleset=keep_ruleset)
        raise typer.Exit(supervise(commands, settings.data_dir, beside=mailing))
    flags = ["--accept-clock"] if accept_clock else []
    commands = [_here(directory, flags, keep_ruleset=keep_ruleset)]
    raise typer.Exit(supervise(commands, disk_of(directory), beside=mailing))


def engine(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    keep_ruleset: Keep = False,
    accept_clock: AcceptClock = False,
    supervised: Annotated[bool, typer.Option("--supervised", help="Stop when stdin ends.")] = False,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="ID", help="Put DIR in force once for all starts with ID."),
    ] = None,
) -> None:
    """Run the installation of a directory once, without a supervisor."""
    _require_directory(directory)
    read_env(directory / ".env")
    settings = prepare()
    from triggerstream.processes.engine import run_engine
    from triggerstream.stream.local.directory import Directory

    place = Directory(directory)
    keeps = keep_ruleset or (run is not None and place.has_begun(run))
    code = run_engine(
        settings,
        place,
        wanted=None if keeps else _read(triggers_of(directory)),
        accept_clock=accept_clock,
        is_supervised=supervised,
        run_id=run,
    )
    raise typer.Exit(code)


def _open_mailing() -> Mailing:
    """Return a mail server, and have mails sent to it.

    Raises:
        UsageError: They are sent elsewhere, or what it needs is not installed.
    """
    with needing_the_extra("--mailbox"):
        from triggerstream.demo.mailing import Mailing
    mailing = Mailing()
    mailing.lead_here(os.environ)
    return mailing


def triggers_of(directory: Path) -> Path:
    """Return where the trigger files of a project are: in ``triggers``, where it has that."""
    inner = directory / "triggers"
    return inner if inner.is_dir() else directory


def disk_of(directory: Path) -> Path:
    """Return what is on the disk that an installation fills: it may be another one's, mounted."""
    from triggerstream.stream.local.directory import NAME

    state = directory / NAME
    return state if state.is_dir() else directory


def read_env(path: Path) -> None:
    """Put the settings in the file at *path*, if it is there, into the environment, but for those
    that it has.

    Raises:
        SettingsError: A line is not a setting; every such line is named.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: required is a readable file of settings; found {error}"
        raise SettingsError(msg) from error
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.startswith("TRIGGERSTREAM_"):
            problems.append(f"{path}:{number}: required is TRIGGERSTREAM_NAME=value")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    if problems:
        raise SettingsError("\n".join(problems))
    for name, value in found.items():
        os.environ.setdefault(name, value)


def _require_directory(directory: Path) -> None:
    if not directory.is_dir():
        msg = f"{directory}: required is a directory of trigger files; found none"
        raise UsageError(msg)


def _read(directory: Path) -> tuple[Mapping[str, str], Ruleset]:
    """Return the trigger files, and what they are compiled.

    Raises:
        UsageError: They have problems: whoever starts this corrects them, and no supervisor can.
    """
    from triggerstream.cli.trigger_files import TriggerFiles

    try:
        files = TriggerFiles(directory, must_be_whole=True)
        return files.texts, files.sound_ruleset()
    except TriggerFileError as error:
        raise UsageError(f"nothing is started, since there are problems:\n{error}") from error


# ── what is supervised ──────────────────────────────────────────────────────────────────────


def _here(directory: Path, flags: list[str], *, keep_ruleset: bool) -> Command:
    """Return the command of the engine. Started again, it does not read DIR again, once that is in
    force: files that somebody edits meanwhile are not to be put in force by a crash."""
    begins = ["--keep-ruleset"] if keep_ruleset else ["--run", secrets.token_hex(8)]
    return _command("engine", ["engine", str(directory), "--supervised", *flags, *begins], {})


def _on_kafka(settings: Settings, directory: Path, *, keep_ruleset: bool) -> list[Command]:
    """Return the commands of a worker, a sender and an ingest; the health server of each listens
    on a port of its own."""
    triggers = [] if keep_ruleset else ["--triggers", str(triggers_of(directory))]
    words = {"worker": ["worker", *triggers], "sender": ["sender"], "ingest": ["ingest"]}
    port = settings.http.port
    return [
        _command(name, each, {PORT: str(port + place if port else 0)})
        for place, (name, each) in enumerate(words.items())
    ]


def _command(name: str, words: list[str], environ: dict[str, str]) -> Command:
    from triggerstream.processes.supervisor import Command

    program = [sys.executable, "-m", "triggerstream"]
    return Command(name, [*program, *words], {**os.environ, **environ})
