"""The file of keys: what it says, what is wrong with it, and what becomes of a change."""

from __future__ import annotations

import json
import os
from math import inf
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.ingest.harness import KEYS, SERVER, WEB, Clock
from triggerstream.errors import SettingsError, UsageError
from triggerstream.ingest.keys import (
    BROWSER_RATE,
    Keys,
    entry_of,
    hash_of,
    new_key,
    secret_in,
)

HASH = hash_of("x")


def keys(path: Path, text: str, clock: Clock | None = None) -> Keys:
    path.write_text(text, encoding="utf-8")
    return Keys(path, clock or Clock())


def test_a_key_is_found_by_its_secret(tmp_path: Path) -> None:
    found = keys(tmp_path / "k", KEYS).find(SERVER)

    assert found is not None
    assert (found.name, found.source, found.is_public) == ("shop", "shop", False)
    assert found.events_per_second == inf


def test_what_is_left_out_has_a_safe_default(tmp_path: Path) -> None:
    found = keys(tmp_path / "k", f"[{{name: web, kind: browser, hash: '{HASH}'}}]").find("x")

    assert found is not None
    assert (found.source, found.origins, found.types) == ("web", (), None)
    assert found.traits == frozenset()
    assert found.events_per_second == BROWSER_RATE


def test_the_file_may_be_json(tmp_path: Path) -> None:
    text = json.dumps([{"name": "web", "kind": "browser", "hash": HASH}])

    assert keys(tmp_path / "k", text).find("x") is not None


@pytest.mark.parametrize("secret", [None, "", "tsk_other", HASH, WEB + " "])
def test_what_is_no_key_finds_none(tmp_path: Path, secret: str | None) -> None:
    assert keys(tmp_path / "k", KEYS).find(secret) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "while parsing"),
        ("name: web", "Expected `array`"),
        ("- {name: web}", "missing required field `kind`"),
        ("- {name: web, kind: phone, hash: h}", "Invalid enum value 'phone'"),
        ("- {name: web, kind: server, hash: h, secret: s}", "unknown field `secret`"),
        ("- {name: web, kind: server, hash: secret}", "hash: sha256:"),
        (f"- {{name: 'a b', kind: server, hash: '{HASH}'}}", "name: 1 to 100"),
        (f"- {{name: a, kind: server, hash: '{HASH}', rate: 200}}", "Expected `str`"),
        (f"- {{name: a, kind: server, hash: '{HASH}', rate: 0/s}}", "rate: events in a second"),
        (f"- {{name: a, kind: server, hash: '{HASH}', traits: [x]}}", "traits: of a browser key"),
        (f"- {{name: a, kind: server, hash: '{HASH}', origins: [shop.example]}}", "origins: such"),
        (
            f"- {{name: a, kind: server, hash: '{HASH}', origins: ['https://s.example/']}}",
            "origins: such",
        ),
        *(
            (f"- {{name: a, kind: server, hash: '{HASH}', source: {source}}}", "source: none that")
            for source in ("triggerstream/actions", "triggerstream", "outcome.ses", "score.x")
        ),
        (f"- {{name: score.x, kind: server, hash: '{HASH}'}}", "source: none that"),
        (f"[{{name: a, kind: server, hash: '{HASH}'}}, {{name: b, kind: server, hash: '{HASH}'}}]",
         "hash: another"),
        ((f"[{{name: a, kind: server, hash: '{HASH}'}}, "
         f"{{name: a, kind: server, hash: '{hash_of('y')}'}}]"), "name: another"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        keys(tmp_path / "k", text)

    assert str(raised.value).startswith("TRIGGERSTREAM_INGEST__KEYS: required is a file of keys")
    assert told in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        Keys(tmp_path / "none", Clock())


def test_a_changed_file_is_read_again_after_a_second(tmp_path: Path) -> None:
    clock = Clock()
    found = keys(tmp_path / "k", f"- {{name: a, kind: server, hash: '{HASH}'}}", clock)
    (tmp_path / "k").write_text("[]")

    clock.now += 0.999
    assert found.find("x") is not None
    clock.now += 0.001
    assert found.find("x") is None


@pytest.mark.parametrize("text", ["{", None], ids=["wrong", "gone"])
def test_keys_stay_where_the_new_file_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    clock = Clock()
    found = keys(tmp_path / "k", KEYS, clock)
    if text is None:
        (tmp_path / "k").unlink()
    else:
        (tmp_path / "k").write_text(text)

    clock.now += 1
    assert found.find(SERVER) is not None
    (tmp_path / "k").write_text("[]")
    os.utime(tmp_path / "k", ns=(1, 1))
    clock.now += 1
    assert found.find(SERVER) is None


def test_a_new_key_is_one_of_its_own_and_its_entry_holds_only_the_hash() -> None:
    first, second = new_key(), new_key()

    entry = entry_of("web", first, is_public=True, origins=["https://shop.example"])

    assert first != second
    assert first.startswith("tsk_")
    assert len(first) == 47
    assert first not in entry
    assert YAML(typ="safe").load(entry) == [
        {
            "name": "web",
            "kind": "browser",
            "hash": hash_of(first),
            "origins": ["https://shop.example"],
        }
    ]


def test_an_entry_that_could_not_be_read_is_not_made() -> None:
    with pytest.raises(UsageError, match="name: 1 to 100"):
        entry_of("a b", "x", is_public=False)


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer x", "x"),
        ("bearer  x", "x"),
        ("Basic eDo=", "x"),
        ("Basic eA==", "x"),
        ("Basic eDp5", "x"),
        ("Basic !", None),
        ("Basic /w==", None),
        ("Basic Og==", None),
        ("Bearer ", None),
        ("Digest x", None),
        ("", None),
    ],
)
def test_a_key_is_a_bearers_or_the_user_of_basic(header: str, secret: str | None) -> None:
    assert secret_in(header) == secret
