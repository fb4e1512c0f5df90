"""How long something is kept, read and told."""

from __future__ import annotations

import pytest

from triggerstream.ops.kept import FOREVER, Kept, parse_kept


@pytest.mark.parametrize(
    ("text", "milliseconds", "told"),
    [("14d", 1_209_600_000, "14d"), ("2w", 1_209_600_000, "14d"), ("90m", 5_400_000, "90m"),
     ("forever", FOREVER, "forever"), ("-1", FOREVER, "forever")],
)  # fmt: skip
def test_a_duration_is_read_and_told(text: str, milliseconds: int, told: str) -> None:
    kept = parse_kept(text)

    assert kept == milliseconds
    assert f"{kept}" == told


@pytest.mark.parametrize("text", ["", "14", "0d", "-2", "for ever", "1.5d", "-1d"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"positive whole number and a unit|duration above 0"):
        parse_kept(text)


def test_for_ever_is_longer_than_any_duration() -> None:
    assert Kept(FOREVER).reaches(10**15)
    assert Kept(FOREVER).reaches(FOREVER)
    assert not Kept(10**15).reaches(FOREVER)
    assert Kept(5).reaches(5)
    assert not Kept(4).reaches(5)
