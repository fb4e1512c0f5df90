"""What is no command is told before a Kafka is started for it."""

from __future__ import annotations

import pytest

from deploy.local_kafka import run


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--help"], 0, run.USAGE),
        (["--if-possible", "-h"], 0, run.USAGE),
        ([], 2, run.USAGE),
        (["--if-posible", "true"], 2, run.USAGE),
        (
            ["no-such-command"],
            127,
            "required is a command that can be run; found 'no-such-command'",
        ),
    ],
)
def test_what_is_no_command_starts_nothing(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    assert run.main(arguments) == code
    assert capsys.readouterr().err.splitlines()[0] == told


def test_a_command_finds_the_kafka_that_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(run.BOOTSTRAP, "127.0.0.1:1")

    assert run.main(["false"]) == 1
    assert capsys.readouterr().err == "using the Kafka at 127.0.0.1:1 (KAFKA_BOOTSTRAP)\n"
