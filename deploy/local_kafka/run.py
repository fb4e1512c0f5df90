"""Runs a command with a Kafka to talk to: ``python -m deploy.local_kafka.run COMMAND ARGUMENT...``

The command finds the broker's address in ``KAFKA_BOOTSTRAP``. Where that is set already, the
broker that it names is used. With ``--if-possible`` the command runs without a broker where Java
or Maven is missing, and we say so.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from deploy.local_kafka import jars
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.errors import LocalKafkaError

BOOTSTRAP = "KAFKA_BOOTSTRAP"
USAGE = "usage: python -m deploy.local_kafka.run [--if-possible] COMMAND [ARGUMENT...]"
NO_COMMAND = 127
"""What a shell exits with where there is no such command."""


def main(arguments: Sequence[str]) -> int:
    """Run the command in *arguments*, and return what it exits with."""
    if_possible, *command = arguments if arguments[:1] == ["--if-possible"] else ["", *arguments]
    if command[:1] in (["-h"], ["--help"]):
        _say(f"{USAGE}\n\n{__doc__}")
        return 0
    if not command or command[0].startswith("-"):
        _say(USAGE)
        return 2
    if shutil.which(command[0]) is None:
        _say(f"required is a command that can be run; found {command[0]!r}")
        return NO_COMMAND
    if given := os.environ.get(BOOTSTRAP):
        _say(f"using the Kafka at {given} ({BOOTSTRAP})")
        return _run(command, {})
    missing = jars.missing_tools()
    if missing and if_possible:
        _say(f"no Apache Kafka, which needs {' and '.join(missing)}")
        return _run(command, {})
    with Broker() as broker:
        took = broker.start_seconds
        _say(f"Apache Kafka {jars.kafka_version()} on {broker.bootstrap}, started in {took:.1f} s")
        return _run(command, {BOOTSTRAP: broker.bootstrap})


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run *command*; it gets every signal that ends us, and we outlive it to clean up."""
    process = subprocess.Popen(command, env={**os.environ, **environment})
    # A terminal sends Ctrl-C to both of us; SIGTERM comes to us alone, and is passed on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
    status = process.wait()
    return status if status >= 0 else 128 - status


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LocalKafkaError as failure:
        sys.exit(str(failure))
