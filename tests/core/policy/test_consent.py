"""Reading consent and preferences: what is no clear yes is never taken for one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.model import CHANNELS
from triggerstream.core.policy import consent
from triggerstream.core.policy.ledger import Ledger

YES: list[Any] = [True, 1, 1.0, "true", "yes", "1", "TRUE", " Yes\n"]
NO: list[Any] = [False, 0, 0.0, "false", "no", "0", "False", "\tNO "]
STRANGE: list[Any] = [
    "", " ", "on", "y", "granted", "null", 2, -1, 0.5, float("nan"), [], [True], {}, {"a": True},
    "2026-03-01T10:00:00Z",
]  # fmt: skip


def heard(**attributes: Any) -> Ledger:
    ledger = Ledger()
    consent.hear_record(ledger, attributes, 1)
    return ledger


def permits(regime: str, **attributes: Any) -> bool:
    """Return whether a customer of whom this is known may get a marketing mail."""
    return consent.allows(heard(**attributes), regime, "email", "behavioral")


def wants(channel: str = "email", **attributes: Any) -> bool:
    return consent.unwanted(heard(**attributes), channel, "behavioral", "cart") is None


# ── a consent ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("regime", ["opt_in", "opt_out"])
@pytest.mark.parametrize("value", YES)
def test_a_yes_is_read_in_all_its_forms(value: Any, regime: str) -> None:
    assert permits(regime, email_consent=value)
    assert consent.unreadable({"email_consent": value}) == []


@pytest.mark.parametrize("regime", ["opt_in", "opt_out"])
@pytest.mark.parametrize("value", NO)
def test_a_no_is_read_in_all_its_forms(value: Any, regime: str) -> None:
    assert not permits(regime, email_consent=value)
    assert consent.unreadable({"email_consent": value}) == []


@pytest.mark.parametrize("regime", ["opt_in", "opt_out"])
@pytest.mark.parametrize("value", STRANGE)
def test_what_is_neither_yes_nor_no_is_a_no_and_counted(value: Any, regime: str) -> None:
    assert not permits(regime, email_consent=value)
    assert consent.unreadable({"email_consent": value}) == ["consent"]


def test_a_consent_that_is_null_says_nothing() -> None:
    assert not permits("opt_in", email_consent=None)
    assert permits("opt_out", email_consent=None)
    assert consent.unreadable({"email_consent": None}) == []


# ── unsubscribed ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "false", "False ", "0", "", "  "])
def test_only_these_say_that_a_customer_has_not_unsubscribed(value: Any) -> None:
    assert permits("opt_in", email_consent=True, unsubscribed=value)
    assert consent.unreadable({"unsubscribed": value}) == []


@pytest.mark.parametrize("value", YES)
def test_unsubscribed_is_read_in_all_its_forms(value: Any) -> None:
    assert not permits("opt_in", email_consent=True, unsubscribed=value)
    assert consent.unreadable({"unsubscribed": value}) == []


@pytest.mark.parametrize("value", [v for v in STRANGE if v not in ("", " ")] + ["no"])
def test_any_other_value_of_unsubscribed_is_taken_for_it_and_counted(value: Any) -> None:
    assert not permits("opt_in", email_consent=True, unsubscribed=value)
    assert not permits("opt_out", unsubscribed=value)
    assert consent.unreadable({"unsubscribed": value}) == ["unsubscribed"]


# ── preferences ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["email", "behavioral", "cart"])
def test_a_preference_is_read_as_a_consent_is(name: str) -> None:
    assert all(wants(preferences={name: value}) for value in [*YES, None])
    assert not any(wants(preferences={name: value}) for value in [*NO, *STRANGE])


def test_each_preference_that_cannot_be_read_is_counted() -> None:
    preferences: dict[str, Any] = {
        "email": "maybe",
        "sms": [],
        "push": "no",
        "log": None,
        "cart": "yes",
    }

    assert consent.unreadable({"preferences": preferences}) == ["preference", "preference"]


@pytest.mark.parametrize("value", [None, {}, []])
def test_no_preferences_are_no_noes(value: Any) -> None:
    assert wants(preferences=value)
    assert consent.unreadable({"preferences": value}) == []


@pytest.mark.parametrize("value", ["none", False, 0, ["email"], True])
def test_preferences_that_are_no_mapping_are_a_no_to_every_channel(value: Any) -> None:
    assert not any(wants(channel, preferences=value) for channel in CHANNELS)
    assert consent.unreadable({"preferences": value}) == ["preference"]


@pytest.mark.parametrize(("noes", "is_wanted"), [(100, True), (101, False)])
def test_more_noes_than_are_kept_are_a_no_to_every_channel(noes: int, is_wanted: bool) -> None:
    preferences = {f"zz-{number}": False for number in range(noes)}

    assert [wants(c, preferences=preferences) for c in CHANNELS] == [is_wanted] * len(CHANNELS)
    assert len(consent.said({"preferences": preferences})) <= 100


def test_no_preference_stands_against_a_receipt() -> None:
    ledger = heard(preferences="none")

    assert consent.unwanted(ledger, "email", "transactional", "cart") is None


# ── whatever comes ──────────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
ATTRIBUTES = st.fixed_dictionaries(
    {}, optional={"email_consent": JSON, "unsubscribed": JSON, "preferences": JSON}
)


@given(ATTRIBUTES)
def test_every_value_is_a_boolean_or_counted_or_says_as_much_as_one(
    attributes: dict[str, Any],
) -> None:
    """What was counted as unreadable is left by saying it as it was taken."""
    found = consent.said(attributes)
    plain: dict[str, Any] = {name: yes for name, yes in found.items() if "." not in name}
    noes = [name.removeprefix("preferences.") for name in found if name.startswith("preferences.")]
    plain["preferences"] = dict.fromkeys(noes, False)

    assert consent.said(plain) == found
    assert consent.unreadable(plain) == []
    assert permits("opt_in", **attributes) <= (found.get("email_consent") is True)
