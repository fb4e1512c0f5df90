"""What a process calls itself towards the brokers: ``<name>@<host>:<port>``.

The address is its health server's. The group's description carries it to whoever has a question
for the owner of a partition, so that no other registry is needed.
"""

from __future__ import annotations

import socket

import msgspec

from triggerstream.ops.settings import Http

_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - what is asked about, not bound


class ClientId(msgspec.Struct, frozen=True):
    """A process, and where its health server listens."""

    name: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}@{self.host}:{self.port}"


def client_id_of(http: Http, port: int) -> ClientId:
    """Return this process's identity; *port* is the one that its health server listens on."""
    here = socket.gethostname()
    return ClientId(http.name or here, here if http.host in _EVERYWHERE else http.host, port)


def parse_client_id(client_id: str) -> ClientId | None:
    """Return who calls itself *client_id*, or ``None`` where that is no process of ours."""
    name, at, address = client_id.rpartition("@")
    host, colon, port = address.rpartition(":")
    if not (at and name and host and colon and port.isdecimal()):
        return None
    return ClientId(name, host, int(port))
