"""``inspect`` says that nothing is remembered only where it knows."""

from __future__ import annotations

import pytest

from triggerstream.cli.inspect import nothing_known
from triggerstream.installation.port import Remembered

NOTHING = Remembered()
NOT_ASKED = Remembered(why_unknown="nobody owns it")


@pytest.mark.parametrize(
    ("answers", "told", "code"),
    [
        pytest.param(
            {"detect": NOTHING, "send": NOTHING},
            "nothing is remembered of 'c'",
            1,
            id="both say so",
        ),
        pytest.param(
            {"detect": NOTHING, "send": NOT_ASKED},
            "nothing is remembered of 'c' by detect; of the rest see above",
            69,
            id="no sender runs",
        ),
        pytest.param(
            {"detect": NOT_ASKED, "send": NOT_ASKED},
            "whether anything is remembered of 'c' is not known",
            69,
            id="nobody runs",
        ),
    ],
)
def test_what_could_not_be_asked_is_not_nothing(
    answers: dict[str, Remembered], told: str, code: int
) -> None:
    assert nothing_known("c", answers) == (told, code)
