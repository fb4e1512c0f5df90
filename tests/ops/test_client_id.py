"""What a process calls itself, and how others read it."""

from __future__ import annotations

import socket

import pytest

from triggerstream.ops.client_id import ClientId, client_id_of, parse_client_id
from triggerstream.ops.settings import Http


def test_an_identity_is_read_as_it_was_written() -> None:
    identity = ClientId("worker-1", "10.0.0.7", 8080)

    assert parse_client_id(str(identity)) == identity


def test_an_address_of_version_6_keeps_its_colons() -> None:
    assert parse_client_id("worker@::1:8080") == ClientId("worker", "::1", 8080)


@pytest.mark.parametrize(
    "client_id", ["", "aiokafka-0.14.0", "worker@host", "worker@host:", "worker@:1", "@host:1"]
)
def test_other_clients_are_none_of_ours(client_id: str) -> None:
    assert parse_client_id(client_id) is None


def test_a_process_without_a_name_is_called_like_its_machine() -> None:
    assert client_id_of(Http(), 81) == ClientId(socket.gethostname(), "127.0.0.1", 81)


def test_who_listens_everywhere_is_asked_by_its_machine_name() -> None:
    http = Http(host="0.0.0.0", name="w1")  # noqa: S104 - nothing listens here

    assert client_id_of(http, 81) == ClientId("w1", socket.gethostname(), 81)
