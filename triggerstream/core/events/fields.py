"""The members of a JSON object, each read when it is asked for, and judged in our words.

Nothing here is quick: it reads what the one pass of `decode_event` did not take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import read_moment

SHOWN: Final = 80
"""Characters of a customer's value that a letter shows."""

read_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Returns the members of a JSON object by name, each as the bytes that it was sent in."""

_as_json = msgspec.json.encode


class Fields:
    """The members of one object.

    Args:
        members: As they were decoded, by name.
        of: Whose they are, for letters: ``" of a CloudEvent"``; empty for a native body.

    Attributes:
        mended: What was read as another type than it was sent, by name: an id that was a number,
            a mapping that was ``[]``.
    """

    def __init__(self, members: Mapping[str, Any], of: str = "") -> None:
        self.members = members
        self._of = of
        self.mended: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        """Return a member as it is; ``None`` where it is missing, for missing equals null."""
        return self.members.get(name)

    def text(self, name: str) -> str | None:
        value = self.members.get(name)
        if value is None or type(value) is str:
            return value
        raise self.wrong(name, "a text", seen(value))

    def id(self, name: str) -> str | None:
        """Return an id as text: a whole number is the text of its digits, as `per` values are."""
        value = self.members.get(name)
        if value is None or type(value) is str:
            return value
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise self.wrong(name, "a text or a whole number", seen(value))
        self.mended[name] = text = str(value)
        return text

    def mapping(self, name: str) -> dict[str, Any] | None:
        """Return a mapping. An empty list is an empty one: PHP writes both so."""
        value = self.members.get(name)
        if value is None or type(value) is dict:
            return value
        if value != []:
            raise self.wrong(name, "an object", seen(value))
        self.mended[name] = {}
        return {}

    def moment(self, name: str) -> int | None:
        """Return a moment in epoch milliseconds, in any year.

        Raises:
            Rejected: It is none: ``bad_timestamp``.
        """
        value = self.members.get(name)
        if value is None:
            return None
        try:
            return read_moment(value)
        except ValueError as error:
            detail = f"{name}{self._of}: {error}"
            raise Rejected(RejectReason.BAD_TIMESTAMP, detail) from error

    def required(self, text: str | None, name: str) -> str:
        """Return *text*, which was read of *name* (in words), if there is any in it."""
        if text:
            return text
        found = "nothing" if text is None else "an empty text"
        detail = f"{name}{self._of}: a text; found {found}"
        raise Rejected(RejectReason.MISSING_FIELD, detail)

    def wrong(self, name: str, required: str, found: str) -> Rejected:
        detail = f"{name}{self._of}: {required}; found {found}"
        return Rejected(RejectReason.WRONG_TYPE, detail)


def seen(value: Any) -> str:
    """Return *value*, decoded from JSON, in few words that cannot steer a terminal."""
    if value is None:
        return "nothing"
    if type(value) is str:
        return repr(value[:SHOWN])
    if type(value) is list:
        return f"a list of {len(value)}"
    if type(value) is dict:
        return "an object"
    return _as_json(value)[:SHOWN].decode()
