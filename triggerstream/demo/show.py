"""What the demo shows: progress while it runs, then the table and one e-mail."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Self

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from triggerstream.demo.letters import Letter
from triggerstream.demo.tally import Line, Tally

_WIDTH = 110
"""Columns where there is no terminal to ask."""


class Board:
    """Three bars on stderr: events played, events decided, actions worked off.

    Where stderr is no terminal, nothing moves there.
    """

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._played = self._progress.add_task("played", total=None)
        self._decided = self._progress.add_task("decided", total=None)
        self._sent = self._progress.add_task("sent and answered", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def played(self, done: int, total: int, arrival: int) -> None:
        """Show that history is played up to *arrival*, epoch milliseconds."""
        day = datetime.fromtimestamp(arrival / 1000, UTC).date()
        what = f"played up to {day}"
        self._progress.update(self._played, description=what, completed=done, total=total)

    def decided(self, done: int, total: int) -> None:
        self._progress.update(self._decided, completed=done, total=total)

    def sent(self, done: int, total: int) -> None:
        self._progress.update(self._sent, completed=done, total=total)


def show_tally(tally: Tally) -> None:
    """Print the table of triggers, and the conservation law in numbers."""
    table = Table("trigger", title="What was decided, and what became of it", title_justify="left")
    for column in ("matches", "firings", "sent"):
        table.add_column(column, justify="right")
    table.add_column("not sent, and why", overflow="fold")
    for trigger, line in tally.lines.items():
        table.add_row(trigger, f"{line.matches:,}", f"{line.firings:,}", _sent(line), _others(line))
    console = _console()
    console.print(table)
    ended = tally.ended_actions
    parts = " + ".join(f"{ended[name]:,} {name}" for name in sorted(ended) if ended[name])
    console.print(
        f"\n{tally.matched_actions:,} actions matched = {parts or '0'} + {tally.pending:,} pending"
        "\n"
    )


def show_letter(letter: Letter) -> None:
    """Print an e-mail as it arrived: its headers of interest and its text."""
    headers = "\n".join(f"{name}: {letter.header(name)}" for name in ("From", "To", "Subject"))
    text = (letter.text or letter.html or "").strip()
    _console().print(
        Panel(f"{headers}\n\n{text}", title="One of the e-mails", title_align="left", width=90)
    )


def _sent(line: Line) -> str:
    return "\n".join(f"{count:,} {channel}" for channel, count in sorted(line.sent.items())) or "-"


def _others(line: Line) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in line.others.most_common())


def _console() -> Console:
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    return console
