"""Halves of characters: a UTF-16 surrogate without its other half becomes U+FFFD.

JavaScript and Java cut texts between the halves, and write what is left as ``\\ud83d``; some
write it, or both halves, as if each were a character (CESU-8). The text cannot be stored as UTF-8,
but the event around it is whole.
"""

from __future__ import annotations

import re
from typing import Final

_REPLACED: Final = rb"\ufffd"
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def mend_escapes(value: bytes) -> bytes:
    """Return JSON in which the escape of a half is that of U+FFFD; all else is as it was."""
    return _ESCAPES.sub(lambda found: found[0] if found[1] is None else _REPLACED, value)


def mend_bytes(value: bytes) -> bytes | None:
    """Return *value* as UTF-8 where only halves of characters keep it from being that, else
    ``None``. Two halves that belong together become their character."""
    try:
        text = value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
