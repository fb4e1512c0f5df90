"""Merging attributes into a profile, within its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from triggerstream.core.state.profile import MOST_BYTES, consent_of, differ, merge

BIG = "x" * (MOST_BYTES // 2)


@pytest.mark.parametrize(
    ("profile", "attributes", "merged"),
    [
        pytest.param({}, {"a": 1}, {"a": 1}, id="new"),
        pytest.param({"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}, id="replaced"),
        pytest.param({"a": 1, "b": 2}, {"a": None}, {"b": 2}, id="removed"),
        pytest.param({}, {"a": None}, {}, id="removed though never set"),
        pytest.param({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}, id="key by key, not deep"),
    ],
)
def test_merging(
    profile: dict[str, Any], attributes: dict[str, Any], merged: dict[str, Any]
) -> None:
    before = dict(profile)

    assert merge(profile, attributes) == (merged, 0)
    assert profile == before


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    profile = {"one": BIG}

    merged, left_out = merge(profile, {"two": BIG, "small": 1})

    assert (merged, left_out) == ({"one": BIG, "small": 1}, 1)


def test_what_is_left_out_keeps_its_old_value() -> None:
    merged, left_out = merge({"one": BIG, "two": 1}, {"two": BIG})

    assert (merged, left_out) == ({"one": BIG, "two": 1}, 1)


def test_removing_makes_room() -> None:
    merged, left_out = merge({"one": BIG}, {"one": None, "two": BIG})

    assert (merged, left_out) == ({"two": BIG}, 0)


def test_consent_is_the_last_to_be_left_out() -> None:
    most_of_the_room, rest = "x" * (len(BIG) - 150), "x" * 200

    merged, left_out = merge({"one": BIG}, {"aaa": most_of_the_room, "zzz_consent": rest})

    assert merged == {"one": BIG, "zzz_consent": rest}
    assert left_out == 1


def test_a_number_that_cannot_be_stored_is_left_out() -> None:
    assert merge({}, {"a": 2**70, "b": 1}) == ({"b": 1}, 1)


def test_consent_and_preferences_are_known_by_name() -> None:
    profile = {"email_consent": True, "preferences": {}, "unsubscribed": [], "consent": 1}

    assert consent_of(profile).keys() == {"email_consent", "preferences", "unsubscribed"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [({"a": 1}, {"a": 1}, False), ({"a": 1}, {"a": True}, True), ({"a": 1}, {}, True)],
)
def test_differing_is_typed(one: dict[str, Any], other: dict[str, Any], expected: bool) -> None:
    assert differ(one, other) is expected
