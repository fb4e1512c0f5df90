"""Rendering in processes: a sender can lose them, and they go where the sender goes."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.channels.harness import ACTION, firing
from triggerstream.channels.base import Content
from triggerstream.channels.templates import TemplateError
from triggerstream.channels.templates.processes import (
    InProcess,
    Processes,
    Renderer,
    RenderingUnavailableError,
)
from triggerstream.channels.templates.render import Job
from triggerstream.core.records.actions import records_of

SLOW = "{% for i in (1..10000) %}{% if i == 'x' %}{% endif %}{{ i | plus: 1 }}{% endfor %}"
"""Within all that is counted, and some hundredths of a second of work."""
BIG = "{% assign l = profile.long | split: '' %}{{ l | size }}"
"""Within all that is counted, and some megabytes."""

STUCK = """
import itertools
import liquid.builtin
liquid.builtin.upcase = lambda value: sum(itertools.repeat(0, 10**12))
"""
"""What Python reads when it starts: it puts a filter in place that hears no signals."""

Make = Callable[..., Processes]


def job(profile: dict[str, Any] | None = None, **parts: str) -> Job:
    fired = firing(profile)
    (record,) = records_of(fired, 1)
    return Job("t", parts, record.value or b"", ACTION, "Cart", "Asia/Tokyo")


@pytest.fixture(name="make")
async def _make() -> AsyncIterator[Make]:
    made: list[Processes] = []

    def make(**options: Any) -> Processes:
        made.append(Processes(**options))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def running(processes: Processes) -> list[int]:
    return [each._process.pid for each in processes._idle]


@pytest.fixture(name="renderer", params=["in this process", "in processes"])
def _renderer(request: pytest.FixtureRequest, make: Make) -> Renderer:
    return InProcess() if request.param == "in this process" else make()


# ── both kinds ──────────────────────────────────────────────────────────────────────────────


async def test_a_job_is_rendered(renderer: Renderer) -> None:
    content = await renderer.render(
        job(
            {"name": "Grüße <&> \u2028"},
            subject="{{ trigger.name }}",
            text="{{ profile.name }} {{ event.event_data.total }}",
            html="{{ profile.name }}{{ firing.at | in_zone: profile.timezone | date: '%H %Z' }}",
        )
    )

    assert content == Content("Cart", "Grüße <&> \u2028 99.9", "Grüße &lt;&amp;&gt; \u202821 JST")


async def test_what_cannot_be_rendered_says_where(renderer: Renderer) -> None:
    with pytest.raises(TemplateError) as raised:
        await renderer.render(job({}, text="ok", html="\n{{ profile.name }}"))

    assert str(raised.value) == "template t/html: line 2: profile.name is undefined"
    assert (raised.value.template, raised.value.part, raised.value.line) == ("t", "html", 2)


async def test_a_job_after_one_that_failed_is_rendered(renderer: Renderer) -> None:
    for source in ("{{ profile.name }}", "{{ (1..100000) | size }}", "{% if %}"):
        with pytest.raises(TemplateError):
            await renderer.render(job({}, text=source))

    assert (await renderer.render(job(text="fine"))).text == "fine"


# ── processes ───────────────────────────────────────────────────────────────────────────────


async def test_none_is_started_before_it_is_needed(make: Make) -> None:
    processes = make()
    assert running(processes) == []

    await processes.render(job(text="x"))
    assert len(running(processes)) == 1


async def test_one_serves_many_jobs_and_many_jobs_no_more_than_its_size(make: Make) -> None:
    processes = make(size=2)

    for _ in range(5):
        await processes.render(job(text="x"))
    assert len(running(processes)) == 1

    jobs = [job({"n": n}, text="{{ profile.n }}") for n in range(40)]
    contents = await asyncio.gather(*map(processes.render, jobs))
    assert [content.text for content in contents] == [str(n) for n in range(40)]
    assert len(running(processes)) == 2


async def test_too_much_time_fails_the_template_with_its_line(make: Make) -> None:
    processes = make(cpu=0.01)

    with pytest.raises(TemplateError) as raised:
        await processes.render(job(text=f"\n\n{SLOW}"))

    assert str(raised.value) == (
        "template t/text: line 3: rendering is limited to 0.01 s of processor time"
    )
    assert (await processes.render(job(text="fine"))).text == "fine"


async def test_a_process_that_hears_no_alarm_is_ended_and_replaced(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One step of the interpreter takes long: the system ends the process for it."""
    (tmp_path / "sitecustomize.py").write_text(STUCK, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    processes = make(cpu=0.05)

    with pytest.raises(TemplateError, match=r"template 't': rendering is limited to 0\.05 s"):
        await processes.render(job(text="{{ 'stuck' | upcase }}"))

    assert running(processes) == []
    monkeypatch.undo()
    assert (await processes.render(job(text="fine"))).text == "fine"


async def test_too_much_memory_fails_the_template_and_replaces_the_process(make: Make) -> None:
    processes = make(memory=1024 * 1024)
    assert (await processes.render(job(text="fine"))).text == "fine"
    first = running(processes)

    with pytest.raises(TemplateError, match="t/text: it needs more memory than it may have"):
        await processes.render(job({"long": "\u1234" * 40_000}, text=BIG))

    assert running(processes) == []
    assert (await processes.render(job(text="fine"))).text == "fine"
    assert running(processes) != first


async def test_a_process_without_memory_is_not_waited_for_by_the_loop(make: Make) -> None:
    processes = make(memory=1024 * 1024)
    await processes.render(job(text="fine"))
    (idle,) = processes._idle

    with pytest.raises(TemplateError, match="more memory"):
        await processes.render(job({"long": "\u1234" * 40_000}, text=BIG))

    assert idle._process.returncode == -signal.SIGKILL


async def test_the_same_work_fits_into_the_memory_that_is_usual(make: Make) -> None:
    content = await make().render(job({"long": "\u1234" * 40_000}, text=BIG))

    assert content.text == "40000"


async def test_a_process_that_was_killed_is_replaced_and_nobody_notices(make: Make) -> None:
    processes = make()
    await processes.render(job(text="x"))
    (pid,) = running(processes)
    os.kill(pid, signal.SIGKILL)

    assert (await processes.render(job(text="fine"))).text == "fine"
    assert running(processes) != [pid]


async def test_a_process_killed_in_the_middle_of_a_job_does_it_again(make: Make) -> None:
    processes = make(cpu=60.0)
    await processes.render(job(text="x"))
    (pid,) = running(processes)
    os.kill(pid, signal.SIGSTOP)
    under_way = asyncio.create_task(processes.render(job(text="fine")))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)

    assert (await under_way).text == "fine"


async def test_a_job_whose_process_ends_twice_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(TemplateError, match="the process that renders it ended twice"):
        await make().render(job(text="x"))


async def test_without_a_process_it_may_be_tried_later(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(RenderingUnavailableError, match="no process to render in: No such file"):
        await make().render(job(text="x"))


async def test_a_process_that_stands_still_is_replaced_and_the_template_not_blamed(
    make: Make,
) -> None:
    processes = make()
    await processes.render(job(text="x"))
    processes._wall = 0.1
    (pid,) = running(processes)
    os.kill(pid, signal.SIGSTOP)

    with pytest.raises(RenderingUnavailableError, match=r"did not answer within 0\.1 s"):
        await processes.render(job(text="x"))

    assert running(processes) == []
    assert not is_alive(pid)


async def test_the_reply_to_a_job_that_was_called_off_is_nobody_elses(make: Make) -> None:
    processes = make(size=1)
    await processes.render(job(text="x"))
    os.kill(running(processes)[0], signal.SIGSTOP)  # or it might reply before it is called off
    under_way = asyncio.create_task(processes.render(job(text="called off")))
    await asyncio.sleep(0)
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way

    assert (await processes.render(job(text="mine"))).text == "mine"


async def test_the_loop_goes_on_while_a_template_is_rendered(make: Make) -> None:
    processes = make()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await processes.render(job(text=SLOW))
    turning.cancel()

    assert turns > 100


async def test_closing_ends_them(make: Make) -> None:
    processes = make()
    await processes.render(job(text="x"))
    (pid,) = running(processes)

    await processes.close()

    assert running(processes) == []
    assert not is_alive(pid)


async def test_signals_that_are_meant_for_the_sender_do_not_end_them(make: Make) -> None:
    processes = make()
    await processes.render(job(text="x"))
    (pid,) = running(processes)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)

    assert (await processes.render(job(text="fine"))).text == "fine"
    assert running(processes) == [pid]


async def test_a_process_knows_nothing_of_the_machine_and_no_secret(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("LIQUIDINTMAXSTRDIGITS", "nonsense")
    monkeypatch.setenv("TRIGGERSTREAM_SENDER__SMTP__PASSWORD", "hunter2")
    processes = make()
    await processes.render(job(text="x"))
    (pid,) = running(processes)

    told = environment_of(pid)
    assert b"TZ=UTC" in told
    assert b"hunter2" not in told
    assert b"Kiritimati" not in told
    assert {name.partition(b"=")[0] for name in told.split(b"\0") if name} == {
        b"PYTHONPATH",
        b"TZ",
        b"LC_ALL",
    }


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


ORPHAN = """
import asyncio, os, signal
from tests.channels.templates.test_processes import job, running
from triggerstream.channels.templates.processes import Processes

async def main():
    processes = Processes()
    await processes.render(job(text="x"))
    print(*running(processes), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_process_ends_with_the_sender_even_where_that_is_killed() -> None:
    sender = subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=False
    )
    assert sender.returncode == -signal.SIGKILL, sender.stderr

    (pid,) = map(int, sender.stdout.split())

    with suppress(ProcessLookupError):
        ended = os.pidfd_open(pid)
        assert select.select([ended], [], [], 10)[0]
        os.close(ended)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
