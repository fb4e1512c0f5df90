"""``triggerstream up DIR --mailbox``: one's own mail, without a mail server and without Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest

from triggerstream.core.records.record import Produce
from triggerstream.ops.owner import APPEND, pack
from triggerstream.stream.local.directory import Directory

pytestmark = pytest.mark.timeout(120)

WITHIN = 60.0
Found = TypeVar("Found")
TRIGGER = """\
trigger: welcome
type: transactional
when: {event: signed_up}
then: [{email: {template: welcome}}]
"""


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    templates = tmp_path / "templates" / "welcome"
    templates.mkdir(parents=True)
    (tmp_path / "welcome.yaml").write_text(TRIGGER)
    (templates / "subject.liquid").write_text("Welcome, {{ profile.name | default: 'you' }}")
    (templates / "text.liquid").write_text("Good to have you.\n")
    return tmp_path


def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if "TRIGGERSTREAM" not in name}
    return {**ours, "TRIGGERSTREAM_INGEST__PORT": "0"}


@pytest.fixture(name="said")
def _said(project: Path) -> Iterator[Callable[[], str]]:
    """What a running `up --mailbox` says."""
    log = project / "up.txt"
    with log.open("wb") as file:
        up = subprocess.Popen(
            [sys.executable, "-m", "triggerstream", "up", str(project), "--mailbox"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield log.read_text
    finally:
        up.terminate()
        assert up.wait(30) == 0


async def test_the_mail_of_an_event_is_on_the_page(project: Path, said: Callable[[], str]) -> None:
    directory = Directory(project)
    engine = await soon(directory.engine, said)
    entitled = {"Authorization": f"Bearer {directory.token()}"}
    profile = {"email": "ada@example.com", "name": "Ada <b>"}
    events: list[dict[str, object]] = [
        {"customer_id": "ada", "event_type": "identify", "event_data": profile},
        {"customer_id": "ada", "event_type": "signed_up"},
    ]
    body = pack([Produce("events", 0, b"ada", json.dumps(event).encode()) for event in events])
    page = await soon(lambda: re.search(r"passed on to nobody: (http://\S+)\n", said()), said)

    async with aiohttp.ClientSession(raise_for_status=True) as session:

        async def on_page(path: str, wanted: str) -> re.Match[str] | None:
            async with session.get(page[1] + path) as answer:
                return re.search(wanted, await answer.text(), re.DOTALL)

        await session.post(engine.health + APPEND, data=body, headers=entitled)
        deadline = time.monotonic() + WITHIN
        while not await on_page("", "ada@example.com.*Welcome, Ada &lt;b&gt;"):
            assert time.monotonic() < deadline, said()
            await asyncio.sleep(0.1)

        assert await on_page("mails/1", "Good to have you.")


async def soon(find: Callable[[], Found | None], said: Callable[[], str]) -> Found:
    """Return what *find* finds as soon as it does."""
    deadline = time.monotonic() + WITHIN
    while (found := find()) is None:
        assert time.monotonic() < deadline, said()
        await asyncio.sleep(0.1)
    return found


def test_it_is_refused_where_a_mail_server_would_get_the_mails(project: Path) -> None:
    (project / ".env").write_text(
        "TRIGGERSTREAM_SENDER__SMTP__HOST=mail.example.com\n"
        "TRIGGERSTREAM_SENDER__SMTP__SENDER=a@example.com\n"
    )

    ran = subprocess.run(
        [sys.executable, "-m", "triggerstream", "up", str(project), "--mailbox"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert "--mailbox: required is that no mail server is set" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (project / ".triggerstream").exists()
