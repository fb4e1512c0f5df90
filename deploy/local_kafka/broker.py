"""An Apache Kafka broker in KRaft mode, on free loopback ports, gone without a trace at the end.

``python -m deploy.local_kafka.broker`` starts one and prints its address; Ctrl-C ends it. In
code::

    with Broker() as broker:
        use(broker.bootstrap)

A broker can be stopped, killed and started again: its ports and its data stay until `close`. It is
a cluster of its own, unless it joins another one's.
"""

from __future__ import annotations

import base64
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local_kafka import guard, jars
from deploy.local_kafka.errors import LocalKafkaError

_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 30.0

# One small node, quick to start. Topics are made on purpose only, as in production.
_CONFIG: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # A killed broker is let in again only when its old session has ended (9 s by default).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "message.max.bytes": str(16 << 20),
    "replica.fetch.max.bytes": str(16 << 20),
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
}

# C1 alone halves the start, and a test broker lives too short for C2 to pay.
_JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


class Broker:
    """A broker of our own. Not safe to use from several threads.

    Args:
        config: Broker settings that replace ours, by Kafka's names.
        joins: The broker whose cluster it joins, as its second node. That one is the controller:
            it must run before this one is started, and be closed after it.

    Attributes:
        bootstrap: Its address, ``127.0.0.1:port``; the same after a restart.
        cluster: The id of its cluster.
        voters: Where the controller of its cluster is, as ``controller.quorum.voters``.
        start_seconds: How long the last start took, until it answered a request.
    """

    def __init__(
        self, config: Mapping[str, str] | None = None, *, joins: Broker | None = None
    ) -> None:
        missing = jars.missing_tools()
        if missing:
            msg = f"Apache Kafka's broker is required to find {' and '.join(missing)} on the path"
            raise LocalKafkaError(msg)
        self._libs = jars.fetch()
        self._port, controller = _free_ports(2)
        self.bootstrap = f"127.0.0.1:{self._port}"
        role = {"listeners": f"BROKER://{self.bootstrap}"}
        if joins is None:
            self.cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()
            self.voters = f"1@127.0.0.1:{controller}"
            role["listeners"] += f",CONTROLLER://127.0.0.1:{controller}"
        else:
            self.cluster, self.voters = joins.cluster, joins.voters
            role |= {"process.roles": "broker", "node.id": "2"}
        self.start_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path(tempfile.mkdtemp(prefix="triggerstream-kafka-"))
        self._guard = subprocess.Popen(
            [sys.executable, guard.__file__, str(self._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._format({**role, **(config or {})})
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            LocalKafkaError: It ended, or did not answer within a minute; its log is in the message.
        """
        if self._process is not None:
            msg = f"the broker on {self.bootstrap} is running already"
            raise LocalKafkaError(msg)
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the starter, who then ends it in order
            )
        self._tell_guard(self._process.pid)
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() - began > _START_LIMIT_S:
                ends = self._log_tail()
                msg = f"the broker on {self.bootstrap} did not start; its log ends:\n{ends}"
                self.kill()
                raise LocalKafkaError(msg)
            time.sleep(0.02)
        self.start_seconds = time.monotonic() - began

    def stop(self) -> None:
        """Stop it in order (SIGTERM); return when it has ended. Nothing if it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it (SIGKILL); return when it has ended. Nothing if it is not running."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it in order, and start it on the same ports and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
        self._guard.wait(_STOP_LIMIT_S)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _properties(self) -> Path:
        return self._directory / "server.properties"

    @property
    def _log(self) -> Path:
        return self._directory / "broker.log"

    def _java(self, main: str, *arguments: str) -> list[str]:
        return ["java", *_JVM, _QUIET, "-cp", f"{self._libs}/*", main, *arguments]

    def _format(self, config: Mapping[str, str]) -> None:
        """Write the settings, and the empty log directory that KRaft wants to find."""
        placed = {
            "controller.quorum.voters": self.voters,
            "advertised.listeners": f"BROKER://{self.bootstrap}",
            "log.dirs": str(self._directory / "data"),
        }
        lines = [f"{name}={value}\n" for name, value in {**_CONFIG, **placed, **config}.items()]
        self._properties.write_text("".join(lines), encoding="utf-8")
        # In one word: one id in 64 begins with a dash.
        arguments = ["format", f"--cluster-id={self.cluster}", "-c", str(self._properties)]
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments),
            capture_output=True,
            text=True,
            timeout=_START_LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            msg = (
                f"Kafka's storage tool ended with {done.returncode}:\n{done.stderr or done.stdout}"
            )
            raise LocalKafkaError(msg)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._tell_guard(0)

    def _tell_guard(self, pid: int) -> None:
        pipe = self._guard.stdin
        if pipe is not None and not pipe.closed:
            with suppress(BrokenPipeError):
                pipe.write(b"%d\n" % pid)
                pipe.flush()

    def _log_tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _free_ports(count: int) -> list[int]:
    # All are held at once, so that they differ.
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(holder.getsockname()[1]) for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def _answers(port: int) -> bool:
    """Return whether a broker on *port* answers an ApiVersions request: its port opens earlier."""
    request = struct.pack(">hhih", 18, 0, 1, -1)  # key, version, correlation id, no client id
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def main() -> None:
    """Start a broker, print its address, and keep it until Ctrl-C or SIGTERM."""
    ended = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ended)
    with Broker() as broker:
        sys.stdout.write(f"{broker.bootstrap}\n")
        sys.stdout.flush()
        took = broker.start_seconds
        sys.stderr.write(
            f"Apache Kafka {jars.kafka_version()}, started in {took:.1f} s; Ctrl-C ends it\n"
        )
        signal.sigwait(ended)


if __name__ == "__main__":
    try:
        main()
    except LocalKafkaError as error:
        sys.exit(str(error))
