"""Consent and preferences: what a customer last said, and what it allows.

They are profile attributes (`core.state.profile.consent_of`). ``<channel>_consent`` is the
permission to use a channel; ``unsubscribed`` takes all permission for marketing back;
``preferences`` maps channels, types of triggers and ids of triggers to what the customer says of
them.

They come as booleans, or as what imports and forms make of these, and `said` is the only reader.
What it cannot read is never taken for a yes: it counts as a no, or as unsubscribed (`unreadable`).

All of them come with every firing, as they stood when it fired, and as a record whenever they
change. What was said last counts, also for actions that wait. Last means last in the log; but
records that a crash makes detection write again must not undo what was said since. So what is older
than the last record counts only where it says no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from triggerstream.core.model import CHANNELS
from triggerstream.core.policy.ledger import Ledger

TRANSACTIONAL = "transactional"
UNSUBSCRIBED = "unsubscribed"

_CONSENTS = tuple(f"{channel}_consent" for channel in CHANNELS)
_MOST_PREFERENCES = 100
"""Noes of one customer; whoever has more of them wants nothing by any channel."""

_TEXTS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NOT_UNSUBSCRIBED = ("false", "0", "")
"""Beside false and 0: as texts, these say that somebody has not unsubscribed. Any other does."""

Unreadable = Literal["consent", "preference", "unsubscribed"]
UNREADABLE: tuple[Unreadable, ...] = get_args(Unreadable)
"""The kinds of values that may be unreadable."""


def hear_record(ledger: Ledger, attributes: Mapping[str, Any], at: int) -> None:
    """Note a change: *attributes* are all that is said from *at* on."""
    news = said(attributes)
    if at >= ledger.consent_at:
        ledger.consent, ledger.consent_at = news, at
    else:
        ledger.consent |= {name: yes for name, yes in news.items() if _is_no(name, yes=yes)}


def hear_profile(ledger: Ledger, profile: Mapping[str, Any], at: int) -> None:
    """Note what the profile of a firing at *at* says."""
    if at >= ledger.consent_at:
        ledger.consent = said(profile)


def said(attributes: Mapping[str, Any]) -> dict[str, bool]:
    """Return what *attributes* say about consent and preferences, by name.

    ``true`` and ``false``, 1 and 0, and the texts true, false, yes, no, 1 and 0, in any case and
    with blanks around, are what they say, and anything else is a no. A null says nothing.
    ``unsubscribed`` is true unless it is false, 0, or one of the texts false, 0 and none.
    """
    return _read(attributes)[0]


def unreadable(attributes: Mapping[str, Any]) -> Sequence[Unreadable]:
    """Return of what kind each value in *attributes* is that `said` cannot read, and so takes for
    a no, or for unsubscribed."""
    return _read(attributes)[1]


def _read(attributes: Mapping[str, Any]) -> tuple[dict[str, bool], list[Unreadable]]:
    found: dict[str, bool] = {}
    strange: list[Unreadable] = []
    for name in _CONSENTS:
        if (value := attributes.get(name)) is None:
            continue
        answer = _yes_or_no(value)
        found[name] = answer is True
        if answer is None:
            strange.append("consent")
    value = attributes.get(UNSUBSCRIBED)
    if not _is_no_unsubscription(value):
        found[UNSUBSCRIBED] = True
        if _yes_or_no(value) is not True:
            strange.append("unsubscribed")
    unwanted, odd = _read_preferences(attributes.get("preferences"))
    found |= {_preference(name): False for name in unwanted}
    return found, strange + odd


def _read_preferences(preferences: Any) -> tuple[Sequence[str], list[Unreadable]]:
    """Return the names of what is not wanted, and what could not be read."""
    if preferences is None or preferences == []:  # an empty mapping, as PHP writes it
        return (), []
    if not isinstance(preferences, dict):
        return CHANNELS, ["preference"]
    answers = {n: _yes_or_no(value) for n, value in preferences.items() if value is not None}
    unwanted = sorted(str(name) for name, answer in answers.items() if answer is not True)
    odd: list[Unreadable] = ["preference"] * list(answers.values()).count(None)
    return (unwanted if len(unwanted) <= _MOST_PREFERENCES else CHANNELS), odd


def _yes_or_no(value: Any) -> bool | None:
    """Return what *value* says; ``None`` where it cannot be read."""
    if isinstance(value, str):
        return _TEXTS.get(value.strip().lower())
    if isinstance(value, int | float) and value in (0, 1):
        return value == 1
    return None


def _is_no_unsubscription(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _NOT_UNSUBSCRIBED
    return value is None or _yes_or_no(value) is False


def allows(ledger: Ledger, regime: str, channel: str, type_: str) -> bool:
    """Return whether the customer permits *channel* under *regime*.

    ``opt_in`` wants a yes (of a transactional message: no no), ``opt_out`` wants no no, ``none``
    asks nothing. Whoever unsubscribed gets no marketing under either.
    """
    if regime == "none":
        return True
    answer = ledger.consent.get(f"{channel}_consent")
    if type_ == TRANSACTIONAL:
        return answer is not False
    if UNSUBSCRIBED in ledger.consent:
        return False
    return answer is True if regime == "opt_in" else answer is not False


def unwanted(ledger: Ledger, channel: str, type_: str, trigger: str) -> str | None:
    """Return the preference against a message, or ``None``; none is against transactional."""
    if type_ == TRANSACTIONAL:
        return None
    for name in (channel, type_, trigger):
        if _preference(name) in ledger.consent:
            return _preference(name)
    return None


def _is_no(name: str, *, yes: bool) -> bool:
    return name == UNSUBSCRIBED or not yes


def _preference(name: str) -> str:
    return f"preferences.{name}"
