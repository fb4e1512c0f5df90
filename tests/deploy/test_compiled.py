"""Running something with a compiled engine where that cannot be had."""

from __future__ import annotations

import pytest

from deploy import compiled


@pytest.mark.parametrize("arguments", [[], ["--if-posible", "true"], ["--if-possible"]])
def test_what_is_no_command_is_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert compiled.main(arguments) == 2
    assert capsys.readouterr().err == f"{compiled.USAGE}\n"


@pytest.mark.parametrize(
    ("first", "ci", "code"),
    [
        pytest.param([], "", 1, id="what was asked for is not there"),
        pytest.param(["--if-possible"], "", 0, id="it may be left out"),
        pytest.param(["--if-possible"], "1", 1, id="it may not in CI"),
    ],
)
def test_without_a_compiler_nothing_is_run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    first: list[str],
    ci: str,
    code: int,
) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc")
    monkeypatch.setenv("CI", ci)

    assert compiled.main([*first, "no-such-command"]) == code
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == "not run with a compiled engine: no working C compiler was at hand"
