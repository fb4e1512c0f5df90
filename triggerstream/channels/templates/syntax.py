"""Every syntax error of a template, not only the first.

Liquid raises the first one. It has a tolerant mode as well, in which its parser passes over what
it cannot read and goes on; what is wrong comes to `Environment.error`, which is asked here.
"""

from __future__ import annotations

import re
from copy import copy

from liquid import Environment
from liquid.exceptions import LiquidError
from liquid.token import Token

_FOLLOWS = re.compile(
    r"unexpected tag '(?:end\w*|else|elsif|when|break|continue)'|expected content, found .*"
)


def syntax_errors(environment: Environment, source: str) -> list[LiquidError]:
    """Return what the parser cannot read in *source*, in order; none if it reads all of it.

    An end of a block whose beginning could not be read is no error of its own.
    """
    found: list[LiquidError] = []

    def note(
        error: type[LiquidError] | LiquidError, msg: str | None = None, token: Token | None = None
    ) -> None:
        told = error if isinstance(error, LiquidError) else error(msg, token=token)
        if told.token is None or told.token.start_index < 0:  # the end of an expression
            told.token = token
        if not found or _FOLLOWS.fullmatch(str(told.message)) is None:
            found.append(told)

    tolerant = copy(environment)
    tolerant.error = note  # type: ignore[method-assign, assignment]  # of this copy alone
    try:
        tolerant.from_string(source)
    except LiquidError as error:  # where there is no going on, as at the text's end
        note(error)
    return found
