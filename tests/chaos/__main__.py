"""``python -m tests.chaos``: run the rows, print the table, exit 0 only if no row is wrong.

With ``--json`` the table is a JSON list on stdout. Progress goes to stderr. ``KAFKA_BOOTSTRAP``
names a broker to use; without it one is started. With ``--world local`` none is needed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from deploy.local_kafka.broker import Broker
from deploy.local_kafka.errors import LocalKafkaError
from deploy.local_kafka.run import BOOTSTRAP
from tests.chaos.catalogue import WORLDS, catalogue
from tests.chaos.rows import Entry, Row, is_sound
from tests.chaos.running import run, was_run
from tests.chaos.stage import Shop


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; return 0 if all of it is sound, 1 if not, 2 if it was asked wrongly.

    Rows that could not be run on this machine are said, and are not held against the others.
    """
    options = _read(arguments)
    entries = catalogue(options.world)
    if options.list:
        for entry in entries:
            sys.stdout.write(f"{entry.name}: {entry.full} times; in short form {entry.short}\n")
        return 0
    chosen = _chosen(entries, [*options.only, *options.rows])
    if not chosen:
        _say(f"required is one of {', '.join(entry.name for entry in entries)}")
        return 2
    began = time.monotonic()
    rows = _run_all(chosen, options)
    _say(f"{len(rows)} rows in {(time.monotonic() - began) / 60:.0f} minutes")
    if options.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(rows)) + b"\n")
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(_table(rows, options.world))
    for row in rows:
        if not was_run(row):
            _say(f"{row.fault}: {row.note}")
    wrong = [row.fault for row in rows if was_run(row) and not is_sound(row)]
    if wrong:
        again = f"--world {options.world} --seed {options.seed}"
        _say(f"wrong, or proving nothing: {', '.join(wrong)} ({again})")
    return 1 if wrong else 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="NAME", help="this row")
    parser.add_argument("--world", choices=sorted(WORLDS), default="kafka", help="where")
    parser.add_argument("--only", action="append", metavar="NAME", default=[], help="the same")
    parser.add_argument("--short", action="store_true", help="the few injections of the tests")
    parser.add_argument("--json", action="store_true", help="the table as JSON")
    parser.add_argument("--list", action="store_true", help="say which rows there are")
    parser.add_argument("--seed", type=int, default=1, help="of all chance")
    parser.add_argument("--times", type=int, metavar="N", help="inject so often instead")
    return parser.parse_args(arguments)


def _chosen(entries: list[Entry], only: list[str]) -> list[Entry]:
    if not only:
        return entries
    return [entry for entry in entries if entry.name in only]


def _run_all(entries: list[Entry], options: argparse.Namespace) -> list[Row]:
    if options.world == "local":
        return _run_on(None, entries, options)
    if given := os.environ.get(BOOTSTRAP):
        return _run_on(given, entries, options)
    with Broker() as broker:
        return _run_on(broker.bootstrap, entries, options)


def _run_on(bootstrap: str | None, entries: list[Entry], options: argparse.Namespace) -> list[Row]:
    shop = Shop()
    rows = []
    for number, entry in enumerate(entries, 1):
        times = options.times or (entry.short if options.short else entry.full)
        if not times:
            continue
        _say(f"{number}/{len(entries)} {entry.name}, {times} times")
        rows.append(run(entry, times, bootstrap=bootstrap, seed=options.seed, shop=shop))
        _say(f"    {rows[-1]}")
    return rows


_TITLES = {"kafka": "Chaos on a real Kafka", "local": "Chaos in one directory"}


def _table(rows: list[Row], world: str) -> Table:
    table = Table("fault", title=_TITLES[world])
    for name in ("injected", "compared", "wrong", "doubled", "recovery s"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for row in rows:
        recovery = "" if row.recovery_s is None else f"{row.recovery_s:.1f}"
        numbers = [row.injected, row.compared, row.wrong, row.doubled]
        style = None if is_sound(row) or not was_run(row) else "red"
        shown = [f"{number:,}" for number in numbers]
        table.add_row(row.fault, *shown, recovery, row.note, style=style)
    return table


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    # Told to end, it ends what it has started, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except LocalKafkaError as failure:
        sys.exit(str(failure))
