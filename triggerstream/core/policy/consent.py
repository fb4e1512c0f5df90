"""Consent and preferences: what a customer last said, and what it allows.

They are profile attributes (`core.state.profile.consent_of`). ``<channel>_consent`` is the
permission to use a channel; ``unsubscribed: true`` takes all permission for marketing back;
``preferences`` maps channels, types of triggers and ids of triggers to ``false`` where the customer
does not want them.

All of them come with every firing, as they stood when it fired, and as a record whenever they
change. What was said last counts, also for actions that wait. Last means last in the log; but
records that a crash makes detection write again must not undo what was said since. So what is older
than the last record counts only where it says no.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triggerstream.core.model import CHANNELS
from triggerstream.core.policy.ledger import Ledger

TRANSACTIONAL = "transactional"
UNSUBSCRIBED = "unsubscribed"

_CONSENTS = tuple(f"{channel}_consent" for channel in CHANNELS)
_MOST_PREFERENCES = 100


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

    Only ``true`` and ``false`` say anything; text and numbers do not.
    """
    found = {name: value for name in _CONSENTS if isinstance(value := attributes.get(name), bool)}
    if attributes.get(UNSUBSCRIBED) is True:
        found[UNSUBSCRIBED] = True
    preferences = attributes.get("preferences")
    if isinstance(preferences, dict):
        unwanted = [str(name) for name, wanted in preferences.items() if wanted is False]
        found |= {_preference(name): False for name in sorted(unwanted)[:_MOST_PREFERENCES]}
    return found


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
