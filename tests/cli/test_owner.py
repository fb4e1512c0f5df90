"""Finding the process that owns a customer, and asking it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from triggerstream.cli.owner import ask_owner, owner_among
from triggerstream.errors import UnreachableError
from triggerstream.ops.client_id import ClientId
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.owner import Owner

TOKEN = "a token of enough characters"
EVENTS = "triggerstream.events.v1"
MEMBERS = [
    ("w1@10.0.0.1:81", {(EVENTS, 0), ("other", 1)}),
    ("w2@10.0.0.2:82", {(EVENTS, 1)}),
    ("some-client", {(EVENTS, 2)}),
]


def test_the_owner_is_the_member_with_the_partition_of_that_topic() -> None:
    assert owner_among(MEMBERS, EVENTS, 1) == ClientId("w2", "10.0.0.2", 82)


def test_a_partition_that_nobody_has_is_owned_by_nobody() -> None:
    assert owner_among(MEMBERS, EVENTS, 3) is None


def test_a_member_that_is_no_process_of_ours_cannot_be_asked() -> None:
    assert owner_among(MEMBERS, EVENTS, 2) is None


@pytest.fixture(name="owner")
def _owner() -> Iterator[ClientId]:
    """A process that remembers c/1, does not own c2, and knows nobody else."""

    def inspect(customer_id: str) -> Any:
        if customer_id == "c2":
            raise LookupError("partition 3 is not owned by this process")
        return {"known": True} if customer_id == "c/1" else None

    server = HealthServer(
        Health(),
        CollectorRegistry(),
        host="127.0.0.1",
        port=0,
        owner=Owner(inspect=inspect, token=TOKEN),
    )
    server.start()
    yield ClientId("w1", "127.0.0.1", server.port)
    server.stop()


def test_the_owner_answers_who_has_the_token(owner: ClientId) -> None:
    assert ask_owner(owner, "c/1", TOKEN) == {"known": True}


def test_nothing_remembered_is_nothing(owner: ClientId) -> None:
    assert ask_owner(owner, "c3", TOKEN) is None


def test_without_the_token_the_owner_refuses_and_names_the_setting(owner: ClientId) -> None:
    with pytest.raises(UnreachableError, match="TRIGGERSTREAM_HTTP__ADMIN_TOKEN"):
        ask_owner(owner, "c/1", None)


def test_who_owns_it_no_longer_says_so(owner: ClientId) -> None:
    with pytest.raises(UnreachableError, match="partition 3 is not owned"):
        ask_owner(owner, "c2", TOKEN)


def test_an_owner_that_is_gone_is_named_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(UnreachableError, match=f"w1@127.0.0.1:{port}.*refused"):
        ask_owner(ClientId("w1", "127.0.0.1", port), "c1", None)
