"""Keys: who may send, from where, what, and how fast; read from a file that holds no secret.

The file is YAML, since people keep it, and a comment says whose a key is; JSON is YAML too. It has
one entry a key, with the hash of the secret. Secrets are 256 random bits, so a plain SHA-256 is
enough: there is nothing to guess. The file is looked at once a second, and read again when it has
changed; one that cannot be read then leaves the keys as they were.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Iterable
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import structlog
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from triggerstream.errors import SettingsError, UsageError

PREFIX: Final = "tsk_"
"""How a key begins, so that whoever finds one in a log or a repository knows what it is."""
BROWSER_RATE: Final = 1000
"""Events a second of a browser key that says none: anybody may have it."""
LOOK_AFTER: Final = 1.0
"""Seconds between two looks at the file."""
_SETTING: Final = "TRIGGERSTREAM_INGEST__KEYS"
_RESERVED: Final = ("triggerstream/", "outcome.", "score.")
"""How the sources begin that only we write (docs/ingest.md)."""
_RATE = re.compile(r"([1-9][0-9]{0,8})/s", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_HASH = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_ORIGIN = re.compile(r"https?://[^\s/?#]+|\*", re.ASCII)

_log = structlog.get_logger(__name__)


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file.

    Attributes:
        kind: A ``browser`` key is public, so it proves nothing; a ``server`` key is a secret.
        hash: ``sha256:`` and the hex digest of the key.
        source: What its events bear as their source, whatever they say; its name, unless given.
        origins: Pages that may use it: ``https://shop.example``, or ``*`` for any.
        types: The types of events that it may send; ``None`` for any.
        traits: What `identify` may set; of a browser key alone.
        rate: Events in a second, as ``200/s``.
    """

    name: str
    kind: Literal["browser", "server"]
    hash: str = ""
    source: str = ""
    origins: tuple[str, ...] = ()
    types: frozenset[str] | None = None
    traits: frozenset[str] = frozenset()
    rate: str = ""

    @property
    def is_public(self) -> bool:
        return self.kind == "browser"

    @property
    def events_per_second(self) -> float:
        found = _RATE.fullmatch(self.rate)
        if found is not None:
            return int(found[1])
        return BROWSER_RATE if self.is_public else inf

    def allows_origin(self, origin: str) -> bool:
        return origin in self.origins or "*" in self.origins


LOCAL: Final = Key("local", "server", source="local")
"""Whoever is on this machine, where there is no file and nobody else can reach us. It has no
origins, and a browser names one in whatever a page sends: so no page can use it."""


class Keys:
    """The keys in force.

    Args:
        path: The file; ``None`` for none: then whoever comes is `LOCAL`.
        clock: Monotonic, in seconds.

    Raises:
        SettingsError: The file cannot be read, or says something else than keys.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._stamp = _stamp(path)
        self._by_hash: dict[str, Key] = {} if path is None else _read(path)

    def find(self, secret: str | None) -> Key | None:
        """Return the key whose secret that is, or ``None``."""
        if self._path is None:
            return LOCAL
        self._look()
        return None if secret is None else self._by_hash.get(hash_of(secret))

    def allows_origin(self, origin: str) -> bool:
        """Return whether any key may be used from *origin*: a preflight does not say which."""
        self._look()
        return any(key.allows_origin(origin) for key in self._by_hash.values())

    def _look(self) -> None:
        now = self._clock()
        if self._path is None or now - self._looked < LOOK_AFTER:
            return
        self._looked = now
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._by_hash = _read(self._path)
        except SettingsError as error:
            _log.error("keys stay as they were", error=str(error))
        else:
            _log.info("keys were read again", keys=len(self._by_hash))


def new_key() -> str:
    """Return a new key: told once, and never stored."""
    return PREFIX + secrets.token_urlsafe(32)


def entry_of(name: str, secret: str, *, is_public: bool, origins: Iterable[str] = ()) -> str:
    """Return the entry of a new key, to be put into the file.

    Raises:
        UsageError: The name or an origin is not one.
    """
    kind: Literal["browser", "server"] = "browser" if is_public else "server"
    key = Key(name, kind, hash_of(secret), origins=tuple(origins))
    if problem := _problem(key, {}):
        raise UsageError(f"required is a {problem}")
    lines = [f"- name: {name}", f"  kind: {kind}", f"  hash: {key.hash}"]
    if key.origins:
        lines.append(f"  origins: [{', '.join(map(repr, key.origins))}]")
    return "\n".join((*lines, ""))


def hash_of(secret: str) -> str:
    """Return what the file holds of a key."""
    known = secret.encode(errors="surrogateescape")  # as aiohttp reads stray bytes of a header
    return f"sha256:{sha256(known).hexdigest()}"


def secret_in(authorization: str) -> str | None:
    """Return the key in an ``Authorization`` header: a bearer's, or the user name of Basic."""
    scheme, _, text = authorization.partition(" ")
    text = text.strip()
    if scheme.lower() == "bearer":
        return text or None
    if scheme.lower() != "basic":
        return None
    try:
        user, _, _ = b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return None
    return user or None


def _stamp(path: Path | None) -> object:
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)


def _read(path: Path) -> dict[str, Key]:
    try:
        said: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        keys = msgspec.convert(said, list[Key])
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from error
    except (UnicodeDecodeError, YAMLError, msgspec.ValidationError) as error:
        raise _wrong(path, " ".join(str(error).split())) from error
    found: dict[str, Key] = {}
    for number, key in enumerate(keys, 1):
        if problem := _problem(key, found):
            raise _wrong(path, f"key {number} ({key.name!r}): {problem}")
        found[key.hash] = key if key.source else msgspec.structs.replace(key, source=key.name)
    return found


def _problem(key: Key, others: dict[str, Key]) -> str:
    """Return what is wrong with *key*, or ``""``."""
    source = key.source or key.name
    wanted = {
        "name: 1 to 100 letters, digits, dots, dashes and underscores": _NAME.fullmatch(key.name),
        "name: another than the keys before it": all(o.name != key.name for o in others.values()),
        "hash: sha256: and 64 hex digits (triggerstream ingest key NAME)": _HASH.fullmatch(
            key.hash
        ),
        "hash: another than the keys before it": key.hash not in others,
        f"source: none that begins with {', '.join(_RESERVED)}": not is_reserved_source(source),
        "source: at most 256 characters": len(source) <= 256,
        "origins: such as https://shop.example, or '*'": all(map(_ORIGIN.fullmatch, key.origins)),
        "rate: events in a second, such as 200/s": not key.rate or _RATE.fullmatch(key.rate),
        "traits: of a browser key alone": key.is_public or not key.traits,
    }
    return next((words for words, is_met in wanted.items() if not is_met), "")


def is_reserved_source(source: str) -> bool:
    """Return whether only we write events of *source*."""
    return source.startswith(_RESERVED) or source == "triggerstream"


def _wrong(path: Path, found: str) -> SettingsError:
    return SettingsError(f"{_SETTING}: required is a file of keys; found {str(path)!r} ({found})")
