"""The tutorial, word by word: its files are written, its commands run, their output compared.

A block of ``console`` holds commands behind ``$``, and below each what it prints; ``...`` stands
for any text. A block behind a line that ends in a file's name and a colon is that file. What is in
blocks of ``sh`` is for people: it makes the environment, which is here already.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`([\w./-]+\.(?:yaml|liquid))`:\s*$")
END = "the end of a command's output"


class Shell:
    """One shell, in which commands follow each other; what a command prints comes back."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """Return what *command* prints. Its exit code is the next one's ``$?``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        marked = f"{command}\n_code=$?; echo; echo {shlex.quote(END)}; (exit $_code)\n"
        self._process.stdin.write(marked)
        self._process.stdin.flush()
        lines: list[str] = []
        while (line := self._process.stdout.readline()) and line.rstrip("\n") != END:
            lines.append(line)
        return "".join(lines).rstrip("\n")

    def close(self) -> None:
        """End the shell, and whatever it has started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture(name="shell")
def _shell(tmp_path: Path) -> Iterator[Shell]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRIGGER")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "120",
    }
    shell = Shell(tmp_path, environment)
    yield shell
    shell.close()


def steps() -> Iterator[tuple[str, str, str]]:
    """Yield (kind, name or command, text) of what the page asks for, in its order."""
    text = PAGE.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        language, body = found.groups()
        named = FILE.search(text[: found.start()])
        if language == "console":
            for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
                yield "run", command, printed
        elif named is not None:
            yield "write", named[1], body


def matches(printed: str, wanted: str) -> bool:
    """Return whether *printed* is as the page says, where ``...`` stands for any text."""
    parts = [re.escape(part.strip("\n")) for part in wanted.strip("\n").split("...")]
    return re.fullmatch(r"\n*.*\n*".join(parts), printed, re.DOTALL) is not None


def test_every_step_does_what_the_page_says(shell: Shell, tmp_path: Path) -> None:
    for kind, name, text in steps():
        if kind == "write":
            path = tmp_path / "exports" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            continue
        printed = shell.run(name)
        assert matches(printed, text), f"$ {name}\n{printed}\n\nthe page says:\n{text}"


@pytest.mark.parametrize(
    ("printed", "wanted", "is_so"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb\nc", "a\n...\nc\n", True),
        ("a\nc", "a\n...\nc\n", True),
        ("1", "...\n1\n", True),
        ("a\nb", "a\n", False),
        ("ab", "a\n", False),
    ],
)
def test_three_dots_stand_for_any_text_and_nothing_else_does(
    printed: str, wanted: str, is_so: bool
) -> None:
    assert matches(printed, wanted) is is_so
