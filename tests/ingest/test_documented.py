"""docs/ingest.md: its tables are the code's, its commands run, its programs work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.harness import SECRET, SERVER, WEB, Opened
from tests.ingest.running import running
from tests.ingest.tables import PAGE, made
from tests.ingest.test_clients import needs
from triggerstream.core.reasons import RejectReason
from triggerstream.ingest.judging import _PROVEN
from triggerstream.ingest.routes import ROUTES
from triggerstream.ingest.tokens import user_token

TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+(?: \w+)*)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(TEXT)


def commands() -> list[tuple[str, str]]:
    """Return (commands, what each line of their answer is) for what the page lets one run."""
    found: list[tuple[str, str]] = []
    for kind, text in BLOCKS:
        if kind.startswith("sh run"):
            found.append((text, ""))
        elif kind == "json answer":
            found[-1] = (found[-1][0], text)
    return found


@pytest.fixture(name="door")
def _door(tmp_path: Path) -> Iterator[Opened]:
    with running(tmp_path) as door:
        yield door


def test_the_tables_are_made_of_the_code() -> None:
    assert made(TEXT) == TEXT


def test_the_page_lets_one_run_a_command_for_every_route() -> None:
    run = "\n".join(text for text, _ in commands())

    assert [route.path for route in ROUTES if route.path not in run] == ["/openapi.json"]


def test_every_reason_that_the_doors_add_is_on_a_page() -> None:
    assert RejectReason.FORBIDDEN_CUSTOMER in TEXT
    assert RejectReason.BAD_ENCODING in TEXT


def test_every_trait_that_needs_a_token_is_named() -> None:
    assert [name for name in _PROVEN if f"`{name}`" not in TEXT] == []


@needs("curl", "gzip")
@pytest.mark.parametrize(("text", "answer"), commands())
def test_a_command_does_what_the_page_says(tmp_path: Path, text: str, answer: str) -> None:
    with running(tmp_path, keys=None) if "$" not in text else running(tmp_path) as door:
        done = subprocess.run(
            ["bash", "-euc", text.replace("http://localhost:8080", door.url)],
            env={**os.environ, "KEY": SERVER, "WEB": WEB},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.replace("}{", "}\n{").split()
    if answer:
        assert {line.strip() for line in done.stdout.replace("}{", "}\n{").splitlines()} == {answer}
    else:
        assert lines == []
        assert len(door.log.events) == 2
        assert (tmp_path / "pixel.gif").read_bytes().startswith(b"GIF89a")


def block(kind: str) -> str:
    (found,) = (text for each, text in BLOCKS if each == kind)
    return str(found)


def test_the_python_program_sends(door: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    exec(block("python"), {"url": door.url, "key": SERVER})  # noqa: S102 - it is the page's

    assert capsys.readouterr().out == "{'accepted': 1, 'rejected': []}\n"


@needs("node")
def test_the_javascript_program_sends(door: Opened) -> None:
    program = f"const url = '{door.url}', key = '{WEB}';\n{block('javascript')}"

    done = subprocess.run(
        ["node", "-e", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "{ accepted: 1, rejected: [] }\n"


def test_the_python_token_is_ours() -> None:
    names: dict[str, Any] = {}
    exec(block("python token"), names)  # noqa: S102 - it is the page's

    assert names["user_token"](SECRET.decode(), "Zoë", 9) == user_token(SECRET, "Zoë", 9)


@needs("node")
def test_the_javascript_token_is_ours() -> None:
    call = f"console.log(userToken({json.dumps(SECRET.decode())}, 'Zoë', 9))"

    done = subprocess.run(
        ["node", "-e", f"{block('javascript token')}\n{call}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert shutil.which("node")
    assert done.stdout.strip() == user_token(SECRET, "Zoë", 9)
