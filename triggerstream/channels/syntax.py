"""Every syntax error of a template, not only the first.

Liquid raises the first one. It has a tolerant mode as well, in which its parser passes over what
it cannot read and goes on; what is wrong comes to `Environment.error`, which is asked here.
"""

from __future__ import annotations

from copy import copy

from liquid import Environment
from liquid.exceptions import LiquidError
from liquid.token import Token


def syntax_errors(environment: Environment, source: str) -> list[LiquidError]:
    """Return what the parser cannot read in *source*, in order; none if it reads all of it.

    What follows from an error that was passed over is told too, where the parser loses its way.
    """
    found: list[LiquidError] = []

    def note(
        error: type[LiquidError] | LiquidError, msg: str | None = None, token: Token | None = None
    ) -> None:
        error = error if isinstance(error, LiquidError) else error(msg, token=token)
        error.token = error.token or token
        found.append(error)

    tolerant = copy(environment)
    tolerant.error = note  # type: ignore[method-assign]  # for this template alone
    try:
        tolerant.from_string(source)
    except LiquidError as error:  # where there is no going on, as after an unclosed bracket
        found.append(error)
    for error in found:
        error.template_name, error.source = None, source
    return found
