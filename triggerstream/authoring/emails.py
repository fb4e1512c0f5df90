"""What a fixture expects of an e-mail, beside the one that is rendered."""

from __future__ import annotations

import msgspec

from triggerstream.channels.base import Content

_SHOWN = 40
"""Lines of a text that are shown."""


class ExpectedEmail(msgspec.Struct, frozen=True):
    """As far as a fixture speaks of one e-mail.

    Attributes:
        line: Where it stands in the fixture's file.
        subject: The whole subject; ``None`` where nothing is said of it.
        contains: Each of them is in the text or in the HTML, letter by letter.
        lacks: None of them is in either.
    """

    line: int
    subject: str | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


def differences(expected: ExpectedEmail, found: Content) -> list[str]:
    """Return a few lines for each way in which *found* is not what was expected.

    The HTML is taken as it is sent: with its tags, and with ``&amp;`` for ``&`` of a value.
    """
    told: list[str] = []
    if expected.subject is not None and expected.subject != found.subject:
        told.append(
            f"the subject\n- expected: {expected.subject}\n+ found:    {found.subject or ''}"
        )
    parts = {"text": found.text, "HTML": found.html}
    there = {name: text for name, text in parts.items() if text is not None}
    where = (
        "neither in the text nor in the HTML"
        if len(there) > 1
        else f"not in the {next(iter(there))}"
    )
    told += [
        f"{where}\n- expected: {wanted}\n+ found:\n{_shown(there)}"
        for wanted in expected.contains
        if not any(wanted in text for text in there.values())
    ]
    told += [
        f"in the {name}\n- lacks: {unwanted}\n+ found: {_line_with(unwanted, text)}"
        for unwanted in expected.lacks
        for name, text in there.items()
        if unwanted in text
    ]
    return told


def _shown(parts: dict[str, str]) -> str:
    """Return the text, or the HTML where there is no text, with each line set in."""
    lines = next(iter(parts.values())).splitlines()
    more = [f"  … {len(lines) - _SHOWN} lines more"] if len(lines) > _SHOWN else []
    return "\n".join([f"  {line}" for line in lines[:_SHOWN]] + more)


def _line_with(words: str, text: str) -> str:
    """Return the line of *text* that *words* begin in."""
    at = text.index(words)
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[start : end if end >= 0 else len(text)].strip()
