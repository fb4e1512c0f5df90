"""What was computed for values: no author writes it, and it is carried on from version to version
(77)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from triggerstream.core.parsing.documents.values import FILE
from triggerstream.core.rulesets.ruleset import load_ruleset

_numbers = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def computed(files: Mapping[str, str], numbers: Mapping[str, float]) -> dict[str, str]:
    """Return *files* as if *numbers* had been computed for the values that they name."""
    known = _numbers(files.get(FILE, "{}"))
    new = {name: msgspec.Raw(_encode({"number": number})) for name, number in numbers.items()}
    return {**files, FILE: _encode(known | new).decode()}


def carry_on(files: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return *files* with the numbers that were computed under *before*, the content of the version
    that they follow, for values that say the same in both.

    Files that bring numbers keep their own. Both have been checked.
    """
    if FILE in files or FILE not in before:
        return dict(files)
    known = {each.name: each.said for each in load_ruleset(before, version=1).source.values}
    same = [
        each.name
        for each in load_ruleset(files, version=1).source.values
        if known.get(each.name) == each.said
    ]
    computed = _numbers(before[FILE])
    kept = {name: computed[name] for name in same if name in computed}
    return {**files, FILE: _encode(kept).decode()} if kept else dict(files)
