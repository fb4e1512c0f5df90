"""Sessions (60, 61): all of a customer's activity, cut into visits anew each time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.reference.attributes import Fold, moment_text
from tests.reference.seen import Seen, duration

Json = dict[str, Any]
MOST_TYPES = 16
DEFAULTS: Json = {"gap": "30m", "longest": "12h", "quality": {}}
QUALITY: Json = {
    "depth": 10,
    "seconds": 600,
    "events": {"purchase_completed": 1, "cart_added": 0.3},
}


class Sessions:
    """How the policy cuts."""

    def __init__(self, policy: Json) -> None:
        said = DEFAULTS | policy.get("session", {})
        self.activity = set(policy.get("activity", []))
        self.gap, self.longest = duration(said["gap"]), duration(said["longest"])
        self.quality = QUALITY | said["quality"]

    def takes(self, seen: Seen) -> bool:
        """Whether an event that is not late belongs to a visit."""
        return not seen.derived and seen.event["event_type"] in self.activity

    def cut(self, folds: list[Fold]) -> list[list[Fold]]:
        """The visits. An event at the gap's end exactly, or at the longest, opens another (61)."""
        visits: list[list[Fold]] = []
        for fold in folds:
            if fold.late or not self.takes(fold.seen):
                continue
            if (
                not visits
                or fold.at >= visits[-1][-1].at + self.gap
                or fold.at >= visits[-1][0].at + self.longest
            ):
                visits.append([])
            visits[-1].append(fold)
        return visits

    def ended(self, visit: list[Fold], at: int) -> Json:
        """What `$session_ended` tells."""
        first, last = visit[0], visit[-1]
        seconds = (last.at - first.at) / 1000
        types: Counter[str] = Counter()
        weight = 0.0
        half = (
            min(len(visit) / self.quality["depth"], 1) + min(seconds / self.quality["seconds"], 1)
        ) / 2
        for fold in visit:
            type_ = fold.seen.event["event_type"]
            types[type_ if type_ in types or len(types) < MOST_TYPES else "other"] += 1
            weight += self.quality["events"].get(type_, 0)
        return {
            "started": moment_text(first.at, None, "UTC"),
            "ended": moment_text(at, None, "UTC"),
            "seconds": seconds,
            "depth": len(visit),
            "quality": min(1, half + weight),
            "types": dict(types),
            "entry": _page(first),
            "exit": _page(last),
        }


def _page(fold: Fold) -> Json:
    data = fold.seen.event.get("event_data") or {}
    return {"event_type": fold.seen.event["event_type"], "url": data.get("url")}
