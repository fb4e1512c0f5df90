"""Consent and preferences: what a customer last said, and what it allows.

Both are profile attributes: ``<channel>_consent`` is the permission to use a channel;
``<channel>_preference`` and ``<type>_preference``, where false, are a wish not to hear from it.
They come with every firing, as they stood when it fired, and as records of their own when they
change; what was said last counts, also for actions that wait.

What a customer *said last* follows the log, and records that a crash makes detection write again
must not undo what was said since. So a grant, by record or firing, counts unless it is older than
the last record; a withdrawal by record always counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triggerstream.core.triggers.model import CHANNELS, TYPES
from triggerstream.policy.ledger import Heard, Ledger

TRANSACTIONAL = "transactional"

ATTRIBUTES = (
    *(f"{channel}_consent" for channel in CHANNELS),
    *(f"{channel}_preference" for channel in CHANNELS),
    *(f"{type_}_preference" for type_ in TYPES),
)
"""Every attribute that a gate asks for."""

_NOTHING = Heard(None, -1)


def hear_record(ledger: Ledger, attributes: Mapping[str, Any], at: int) -> None:
    """Note a change of consent that detection recorded."""
    for name in ATTRIBUTES:
        if name not in attributes:
            continue
        value, known = _answer(attributes[name]), ledger.consent.get(name, _NOTHING)
        if value is False or at >= known.at:
            ledger.consent[name] = Heard(value, max(at, known.at))


def hear_profile(ledger: Ledger, profile: Mapping[str, Any], at: int) -> None:
    """Note what the profile of a firing at *at* says, silence included."""
    for name in ATTRIBUTES:
        value, known = _answer(profile.get(name)), ledger.consent.get(name, _NOTHING)
        if value is not known.value and at >= known.at:
            ledger.consent[name] = Heard(value, known.at)


def allows(ledger: Ledger, regime: str, channel: str, type_: str) -> bool:
    """Return whether the customer's consent permits *channel* under *regime*.

    ``opt_in`` wants a yes (of a transactional message: no no), ``opt_out`` no no, ``none``
    nothing.
    """
    if regime == "none":
        return True
    said = ledger.consent.get(f"{channel}_consent", _NOTHING).value
    if regime == "opt_out" or type_ == TRANSACTIONAL:
        return said is not False
    return said is True


def is_unwanted(ledger: Ledger, channel: str, type_: str) -> str | None:
    """Return the preference against a message, if there is one; none is against transactional."""
    if type_ == TRANSACTIONAL:
        return None
    for name in (f"{channel}_preference", f"{type_}_preference"):
        if ledger.consent.get(name, _NOTHING).value is False:
            return name
    return None


def _answer(value: Any) -> bool | None:
    return value if value is True or value is False else None
