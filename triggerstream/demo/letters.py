"""A mail that came, read with care: whoever sent it may have written anything."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final

import msgspec

KEPT: Final = 200
"""Mails kept at most."""
BYTES_KEPT: Final = 64 << 20
"""Bytes of them at most; the newest one is kept whatever its size."""


class Letter(msgspec.Struct, frozen=True):
    """A mail as a mail server takes it.

    Attributes:
        number: Its place among all that came, from 1.
        at: When it came, epoch milliseconds.
        recipients: Whom the envelope names.
        content: What was sent, headers and all.
    """

    number: int
    at: int
    recipients: tuple[str, ...]
    content: bytes

    def header(self, name: str) -> str:
        """Return a header's text; ``""`` where there is none that can be read."""
        try:
            return str(self._message.get(name, ""))
        except Exception:  # noqa: BLE001 - a header that is malformed raises whatever its parser meets
            return ""

    @property
    def text(self) -> str | None:
        """Its text, or ``None`` where it has none."""
        return self._part("plain")

    @property
    def html(self) -> str | None:
        """Its HTML as it was sent, or ``None`` where it has none."""
        return self._part("html")

    @property
    def _message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    def _part(self, kind: str) -> str | None:
        try:
            part = self._message.get_body(preferencelist=(kind,))
        except Exception:  # noqa: BLE001 - as in `header`
            return None
        if part is None:
            return None
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            return None
        try:
            return payload.decode(part.get_content_charset("utf-8"), errors="replace")
        except LookupError:  # there is no such character set
            return payload.decode(errors="replace")


class Letters:
    """The newest mails, and how many there were.

    Attributes:
        count: Mails that came.
    """

    def __init__(self, *, kept: int = KEPT, bytes_kept: int = BYTES_KEPT) -> None:
        self.count = 0
        self._kept = kept
        self._bytes_kept = bytes_kept
        self._size = 0
        self._letters: deque[Letter] = deque()

    def add(self, at: int, recipients: tuple[str, ...], content: bytes) -> None:
        """Keep a mail, and forget the oldest ones where there is no room for them."""
        self.count += 1
        self._letters.append(Letter(self.count, at, recipients, content))
        self._size += len(content)
        while len(self._letters) > self._kept or (
            self._size > self._bytes_kept and len(self._letters) > 1
        ):
            self._size -= len(self._letters.popleft().content)

    def get(self, number: int) -> Letter | None:
        """Return the mail of that number, or ``None`` where it is not kept."""
        return next((letter for letter in self._letters if letter.number == number), None)

    @property
    def newest(self) -> Letter | None:
        return self._letters[-1] if self._letters else None

    def __iter__(self) -> Iterator[Letter]:
        """Yield what is kept, the newest first."""
        return reversed(self._letters)
