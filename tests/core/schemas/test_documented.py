"""What docs/schemas.md says of its examples is what a door does, and its words are all there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from triggerstream.core.events.decode import decode_event
from triggerstream.core.model import ON_INVALID, UNKNOWN
from triggerstream.core.parsing.documents.schemas import KEYS, TYPE_KEYS
from triggerstream.core.records.record import Rejected
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.schemas.admit import CHECKED, admit
from triggerstream.core.schemas.bounds import DEEPEST, MOST
from triggerstream.core.schemas.schemas import TELLING

PAGE = (Path(__file__).parents[3] / "docs/schemas.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+(?: \w+)?)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
FILES = {
    text.partition("\n")[0].removeprefix("# "): text.partition("\n")[2]
    for _, text in BLOCK.findall(PAGE)
    if text.startswith("# ")
}
BLOCKS = [(kind, text) for kind, text in BLOCK.findall(PAGE) if not text.startswith("# ")]
EXAMPLES = [
    (body, kind, said) for (_, body), (kind, said) in zip(BLOCKS[::2], BLOCKS[1::2], strict=True)
]


def test_the_page_has_examples_of_both_kinds() -> None:
    kinds = [kind for _, kind, _ in EXAMPLES]

    assert FILES.keys() >= {"schemas.yaml", "schemas/purchase_completed.json"}
    assert (kinds.count("json admitted"), kinds.count("text refused")) == (4, 3)


@pytest.mark.parametrize(("body", "kind", "said"), EXAMPLES)
def test_each_becomes_what_the_page_says(body: str, kind: str, said: str) -> None:
    schemas = load_ruleset(FILES).schemas
    event = decode_event(body.encode(), fallback_id="-", fallback_timestamp=0)

    if kind == "json admitted":
        assert json.loads(admit(event, schemas)) == json.loads(said)
    else:
        with pytest.raises(Rejected) as raised:
            admit(event, schemas)
        assert str(raised.value) == said


def test_every_word_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", PAGE))

    assert {*KEYS, *TYPE_KEYS, *UNKNOWN, *ON_INVALID, *CHECKED} <= explained


def test_the_bounds_are_named() -> None:
    assert f"at most {MOST:,} schemas in it, {DEEPEST} within each other" in PAGE
    assert f"above {TELLING:,}" in PAGE
