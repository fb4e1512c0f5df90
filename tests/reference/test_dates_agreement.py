"""Dates (63-65): the engine's series and days are those of the reference, for any changes of the
value and of the zone; and each day happens once."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tests.reference.definitions import Definitions
from tests.reference.derivations import Derivations
from tests.reference.stories import START, Json
from triggerstream.core.derive import dates
from triggerstream.core.derive.series import Series

HOUR = 3_600_000
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Apia",
]
VALUES = [
    "1990-02-28",
    "1988-02-29",
    "02-29",
    "12-31",
    "2026-01-03",
    "2024-10-31",
    "2026-03-29",
    START - 400 * 24 * HOUR,
    "2026-01-01T23:30:00Z",
    "never",
    None,
]

SPECS = st.fixed_dictionaries(
    {
        "every": st.sampled_from(["year", "month", "once"]),
        "at": st.sampled_from(["09:00", "00:00", "02:30", "23:59"]),
        "feb29": st.sampled_from(["feb28", "mar1"]),
        "shift": st.sampled_from([0, 0, -7, 3, -400]),
    }
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, HOUR, 9 * HOUR, 23 * HOUR, 24 * HOUR, 90 * 24 * HOUR, 400 * 24 * HOUR]),
        st.sampled_from([*VALUES, "same", "same", "same"]),
        st.sampled_from(ZONES),
    ),
    min_size=1,
    max_size=12,
)


@given(SPECS, STEPS)
def test_days_are_told_alike_and_once(said: Json, steps: list[tuple[int, Any, str]]) -> None:
    shift = said["shift"]
    spec: Json = {"date": "profile.day", **{key: said[key] for key in ("every", "at", "feb29")}}
    if shift:
        spec["before" if shift < 0 else "after"] = f"{abs(shift)}d"
    known = Derivations(Definitions([{"trigger": "t", "when": spec}], {}), {})
    (name,) = known.definitions.dates
    hours, minutes = map(int, said["at"].split(":"))
    series = Series(said["every"], shift, hours * 60 + minutes, said["feb29"])
    armed: dates.Date | None = None
    now, value, zone_name = START, None, "UTC"
    expected, found = list[tuple[int, Any]](), list[tuple[int, Any]]()

    for pause, next_value, next_zone in [*steps, (HOUR, "same", steps[-1][2])]:
        now += pause
        while name in known.armed and known.armed[name].due <= now:
            due = known.armed[name].due
            expected += [(due, derived.data) for derived in known.on_date(name, due)]
        while armed and armed.due <= now:
            due = armed.due
            told, armed = dates.happen("day", series, ZoneInfo(zone_name), armed)
            found.append((due, told))
        value = value if next_value == "same" else next_value
        zone_name = next_zone
        known.profile |= {"day": value, "timezone": zone_name}
        known.arm(now, None)
        armed = dates.arm(value, series, ZoneInfo(zone_name), now, armed)

    assert found == expected
    days = [told["date"] for _, told in found]
    assert len(set(days)) == len(days)
