"""Running the command line in this process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from triggerstream.cli import main

CART = """\
trigger: cart-abandonment
when:
  sequence:
    - event: add_to_cart
    - absent: purchase
      for: 1h
then:
  - log: {}
"""
TEST = """\
- test: fires an hour after the last cart event
  events:
    - {at: 0m, customer: c1, event: add_to_cart}
  until: 3h
  expect:
    - {trigger: cart-abandonment, at: 1h, customer: c1}
"""


class Ran(msgspec.Struct, frozen=True):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(name="run")
def _run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for name in list(os.environ):
        if name.startswith("TRIGGERSTREAM_"):
            monkeypatch.delenv(name)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["triggerstream", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(name="triggers")
def _triggers(tmp_path: Path) -> Path:
    """A directory with one trigger and its test."""
    directory = tmp_path / "triggers"
    directory.mkdir()
    (directory / "cart.yaml").write_text(CART)
    (directory / "cart.test.yaml").write_text(TEST)
    return directory
