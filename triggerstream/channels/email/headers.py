"""Header fields of a mail, written so that readers get back what was put in.

The standard library parses a string that is set as a header: what looks like an encoded word is
decoded, also where a customer wrote it, and a long link is folded into encoded words. How it does
so depends on the interpreter's patch. So every header is written here, and none is parsed.

The rules are those of RFC 5322 (fields, names, folding) and RFC 2047 (encoded words).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from email.headerregistry import Address
from email.policy import EmailPolicy
from typing import Any
from unicodedata import category

_LINE = 76
"""Characters of a line with encoded words (RFC 2047, 2); 78 are recommended for others."""
_LINE_MAX = 998
"""Characters that a line may have at all (RFC 5322, 2.1.1)."""
_TEXT_MAX = _LINE_MAX
"""Characters of text. No more were ever read by people, mail servers bound what a mail's headers
take together, and a customer may make a text as long as a template's output may be: writing
200,000 characters holds the sender's loop up for a third of a second."""
_WORD = 75 - len("=?utf-8?q??=")
"""Characters inside of an encoded word."""
_CHARACTER = len("=F0=9F=98=80")
"""The longest character inside of an encoded word: 4 bytes in UTF-8."""

_NAME = re.compile(r"[!-9;-~]+")
_TOKEN = re.compile(r"[!-~]+")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[^?]*\?.*\?=")
_Q_LITERAL = re.compile(r"[A-Za-z0-9!*+/-]")
"""What stands for itself in a Q word of a name (RFC 2047, 5 (3)), and so anywhere."""


class Token(str):
    """A value that is read letter by letter: a link, an id. It is neither encoded nor folded."""

    __slots__ = ()


def write_header(name: str, value: str | Token | Address) -> str:
    """Return the field, with CRLF after each of its lines.

    A string is text, an address a name and a mailbox; both are folded. The first line always
    holds a part of the value, since some readers lose a value that begins on the second.

    Raises:
        ValueError: The value holds a control character or a lone surrogate, or more than 998
            characters of text; or it is a token (or a mailbox) that is not ASCII, holds a space
            or what readers take for an encoded word, or is too long for a line.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a header's name in ASCII without a colon is required; found {name!r}")
    if isinstance(value, Address):
        pieces = [*_phrase(name, value.display_name), _mailbox(name, value)]
    elif isinstance(value, Token):
        pieces = [_token(name, value)]
    else:
        pieces = [*_text(name, value)]
    return _fold(name, pieces)


class LiteralHeaders(EmailPolicy):
    """The policy of a mail whose headers are all written by `write_header`.

    That includes those which the library sets itself, for a body's parts. A value is checked when
    it is set, and read back as it was set. It is for writing mail, not for parsing it.
    """

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        write_header(name, value)
        return name, value

    def header_fetch_parse(self, name: str, value: Any) -> str:
        return str(value)

    def fold(self, name: str, value: Any) -> str:
        return write_header(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return write_header(name, value).encode("ascii")


LITERAL_HEADERS = LiteralHeaders(linesep="\r\n", max_line_length=_LINE)
"""Lines of a quoted-printable body may have 76 characters too (RFC 2045, 6.7)."""


def _text(name: str, text: str) -> Iterable[str]:
    """Return the pieces of *text*: between two of them stands a space or a fold."""
    _require_text(name, text)
    return text.split(" ") if _is_plain(name, text) else _encoded(text, _first(name))


def _phrase(name: str, text: str) -> Iterable[str]:
    """Return the pieces of a display name: atoms, a quoted string, or encoded words."""
    if not text:
        return []
    _require_text(name, text)
    quoted = text if _ATOMS.fullmatch(text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    return quoted.split(" ") if _is_plain(name, quoted) else _encoded(text, _first(name))


def _mailbox(name: str, address: Address) -> str:
    spec = _token(name, address.addr_spec)
    return f"<{spec}>" if address.display_name else spec


def _token(name: str, text: str) -> str:
    if not _TOKEN.fullmatch(text) or _ENCODED_WORD.search(text):
        required = "ASCII without spaces and encoded words is required"
        raise ValueError(f"{name}: {required}; found other characters")
    return text


def _require_text(name: str, text: str) -> None:
    if len(text) > _TEXT_MAX:
        required = f"{name}: text of at most {_TEXT_MAX} characters is required"
        raise ValueError(f"{required}; found {len(text)}")
    for character in text:
        if category(character) in ("Cc", "Cs"):
            required = f"{name}: text without control characters and lone surrogates is required"
            raise ValueError(f"{required}; found {character!r}")


def _is_plain(name: str, text: str) -> bool:
    """Return whether *text* can stand as it is: no reader decodes it, or loses a space."""
    if not _PLAIN.fullmatch(text) or "=?" in text:
        return False
    return max(map(len, text.split(" "))) <= _LINE - len(name) - len(": ")


def _first(name: str) -> int:
    """Return the characters inside of the encoded word that follows *name*."""
    room = _LINE - len(name) - len(": =?utf-8?q??=")
    return max(room, _CHARACTER)


def _encoded(text: str, first: int) -> Iterator[str]:
    """Yield the encoded words that are *text* in UTF-8, in the shorter of the two encodings.

    Each ends behind a space if it can: where a reader wrongly shows the space between two words,
    as CPython does in names (3.13.5 still), it stands where there is one already.
    """
    q = [_q(character) for character in text]
    utf8 = [character.encode() for character in text]
    if sum(map(len, q)) <= (sum(map(len, utf8)) + 2) // 3 * 4:
        for start, end in _spans(text, [len(one) for one in q], first, _WORD):
            yield f"=?utf-8?q?{''.join(q[start:end])}?="
    else:
        for start, end in _spans(text, [len(one) for one in utf8], first // 4 * 3, _WORD // 4 * 3):
            coded = b2a_base64(b"".join(utf8[start:end]), newline=False).decode("ascii")
            yield f"=?utf-8?b?{coded}?="


def _spans(text: str, sizes: Sequence[int], first: int, others: int) -> Iterator[tuple[int, int]]:
    """Yield where the parts of *text* begin and end, of characters of at most so much size."""
    start, room = 0, first
    while start < len(text):
        end, size = start, 0
        while end < len(text) and (size := size + sizes[end]) <= room:
            end += 1
        if end < len(text) and (space := text.rfind(" ", start, end)) >= 0:
            end = space + 1
        yield start, end
        start, room = end, others


def _q(character: str) -> str:
    if character == " ":
        return "_"
    if _Q_LITERAL.fullmatch(character):
        return character
    return "".join(f"={byte:02X}" for byte in character.encode())


def _fold(name: str, pieces: Iterable[str]) -> str:
    lines = [f"{name}:"]
    for number, piece in enumerate(pieces):
        if number and len(lines[-1]) + 1 + len(piece) > _LINE:
            lines.append("")
        lines[-1] += f" {piece}"
    if (longest := max(map(len, lines))) > _LINE_MAX:
        required = f"lines of at most {_LINE_MAX} characters are required"
        raise ValueError(f"{name}: {required}; found one of {longest}")
    return "".join(f"{line}\r\n" for line in lines)
