"""Asking a health server, from another process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from triggerstream.errors import UnreachableError
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.health_client import NotAskedError, ask, customer_path
from triggerstream.ops.owner import Owner

ROOT = Path(__file__).parents[2]
TOKEN = "a token of enough characters"


@pytest.fixture(name="owner")
def _owner() -> Iterator[str]:
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
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_the_owner_answers_who_has_the_token(owner: str) -> None:
    assert ask("w1", f"{owner}{customer_path('c/1')}", TOKEN) == {"known": True}


def test_nothing_remembered_is_nothing(owner: str) -> None:
    assert ask("w1", f"{owner}{customer_path('c3')}", TOKEN) is None


def test_without_the_token_the_owner_refuses_and_names_the_setting(owner: str) -> None:
    with pytest.raises(UnreachableError, match="TRIGGERSTREAM_HTTP__ADMIN_TOKEN"):
        ask("w1", f"{owner}{customer_path('c/1')}", None)


def test_who_owns_it_no_longer_says_so(owner: str) -> None:
    with pytest.raises(UnreachableError, match="partition 3 is not owned"):
        ask("w1", f"{owner}{customer_path('c2')}", TOKEN)


def test_an_owner_that_is_gone_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(NotAskedError, match=r"w1@there: .*refused"):
        ask("w1@there", f"http://127.0.0.1:{port}/customers/c1", None)


def test_no_proxy_of_the_environment_is_told_the_token(owner: str) -> None:
    code = (
        "import sys; from triggerstream.ops.health_client import ask\n"
        "print(ask('w1', sys.argv[1], sys.argv[2]))"
    )
    proxied = {**os.environ, "http_proxy": "http://127.0.0.1:1", "PYTHONPATH": str(ROOT)}
    proxied.pop("no_proxy", None)

    ran = subprocess.run(
        [sys.executable, "-c", code, owner + customer_path("c/1"), TOKEN],
        env=proxied,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == "{'known': True}\n"
