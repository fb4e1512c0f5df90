"""Regular expressions: RE2's, whose time is linear in the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2


def compile_regex(pattern: str) -> Callable[[bytes], Any]:
    """Return the unanchored search of an RE2 *pattern* in UTF-8.

    Raises:
        ValueError: RE2 does not know the pattern; the message says why.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        search: Callable[[bytes], Any] = re2.compile(pattern, options).search
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(error)) from error
    return search
