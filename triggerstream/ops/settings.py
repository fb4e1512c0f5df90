"""Settings: the environment, read once, as one frozen value.

A setting is named ``TRIGGERSTREAM_`` and its path in `Settings`, joined by ``__``:
``TRIGGERSTREAM_KAFKA__BOOTSTRAP``. A secret may stand in a file instead, named by the same
variable with ``_FILE`` behind it. A name that is not a setting is an error, since a typing
mistake that silently leaves a default in force is found too late.

Pydantic converts and checks the values. Reading the environment is done here, because every
problem must be told at once, under the name that the reader has to correct.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    model_validator,
)

from triggerstream.core.durations import UNITS
from triggerstream.errors import SettingsError
from triggerstream.ops.kept import Kept, parse_kept

PREFIX = "TRIGGERSTREAM_"
BOOTSTRAP = f"{PREFIX}KAFKA__BOOTSTRAP"
_FILE = "_FILE"


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _from_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())


def _require(met: object, words: str) -> None:
    if not met:
        raise ValueError(words)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Group(BaseModel):
    """Settings of one part. Each field's description says what is required of its value."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(_Group):
    """The broker, and the topics on it."""

    bootstrap: str = Field(
        default="127.0.0.1:9092",
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
        description="brokers as host:port, separated by commas",
    )
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext", description="one of plaintext, ssl, sasl_plaintext, sasl_ssl"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    )
    sasl_username: str | None = Field(default=None, min_length=1, description="a user's name")
    sasl_password: SecretStr | None = Field(default=None, description="a password")
    tls_ca: Path | None = Field(
        default=None,
        description="a PEM file of the authorities to trust (the system's if left out)",
    )
    tls_cert: Path | None = Field(
        default=None, description="a PEM file with this client's certificate"
    )
    tls_key: Path | None = Field(default=None, description="a PEM file with that certificate's key")
    tls_key_password: SecretStr | None = Field(default=None, description="the password of that key")
    topic_prefix: str = Field(
        default="triggerstream",
        pattern=r"^[A-Za-z0-9._-]{1,150}$",
        description="1 to 150 letters, digits, dots, dashes and underscores",
    )
    partitions: int = Field(
        default=8,
        ge=1,
        le=4096,
        description="a whole number from 1 to 4096, for life of the topics",
    )
    replication: int | None = Field(
        default=None, ge=1, le=32767, description="copies of each topic (the broker's if left out)"
    )
    session_timeout: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="seconds from 1 to 3600, within the broker's limits",
    )

    standbys: int = Field(
        default=1, ge=0, le=8, description="a whole number from 0 to 8, the same for all processes"
    )
    """How many other processes keep a copy of each partition's states, for taking over quickly."""

    @model_validator(mode="after")
    def _credentials_match_the_protocol(self) -> Self:
        sasl = self.security.startswith("sasl")
        _require(
            not sasl or (self.sasl_username and self.sasl_password),
            f"{PREFIX}KAFKA__SECURITY: {self.security} requires {PREFIX}KAFKA__SASL_USERNAME and "
            f"{PREFIX}KAFKA__SASL_PASSWORD; found "
            f"{'no password' if self.sasl_username else 'no user name'}",
        )
        _require(
            sasl or self.sasl_password is None,
            f"{PREFIX}KAFKA__SASL_PASSWORD: requires {PREFIX}KAFKA__SECURITY to be sasl_plaintext "
            f"or sasl_ssl; found {self.security}",
        )
        _require(
            (self.tls_cert is None) == (self.tls_key is None),
            f"{PREFIX}KAFKA__TLS_CERT: a certificate and {PREFIX}KAFKA__TLS_KEY are required "
            f"together; found only the {'key' if self.tls_cert is None else 'certificate'}",
        )
        return self


class Http(_Group):
    """The health server of a worker or sender."""

    host: str = Field(default="127.0.0.1", min_length=1, description="an address to listen on")
    port: int = Field(default=0, ge=0, le=65535, description="a port, or 0 for any that is free")
    admin_token: SecretStr | None = Field(
        default=None, min_length=16, description="a secret of at least 16 characters"
    )
    name: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="letters, digits, dots, dashes"
    )
    """What this process is called in the group; its host's name if left out."""

    @property
    def serves_customers(self) -> bool:
        """Whether customers' data may be asked for: with a token, or from this machine only."""
        return self.admin_token is not None or _is_loopback(self.host)


class Smtp(_Group):
    """The mail server; no e-mail is sent where *host* is left out."""

    host: str | None = Field(default=None, min_length=1, description="the mail server's host name")
    port: int = Field(default=587, ge=1, le=65535, description="a port from 1 to 65535")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="one of starttls, tls, none"
    )
    username: str | None = Field(default=None, min_length=1, description="a user's name")
    password: SecretStr | None = Field(default=None, description="a password")
    sender: str | None = Field(
        default=None, pattern=r"^[^@\r\n]+@[^@\r\n]+$", description="an e-mail address, as From"
    )
    reply_to: str | None = Field(
        default=None, pattern=r"^[^@\r\n]+@[^@\r\n]+$", description="an e-mail address, as Reply-To"
    )
    unsubscribe_url: str | None = Field(
        default=None,
        pattern=r"^https?://[!-~]+$",
        description="an http or https address, to which the action's id is added as ?id=",
    )
    """Where a customer unsubscribes: a header of every e-mail that is not transactional."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _require(
            self.host is None or self.sender,
            f"{PREFIX}SENDER__SMTP__SENDER: an address is required where "
            f"{PREFIX}SENDER__SMTP__HOST is set; found none",
        )
        _require(
            (self.username is None) == (self.password is None),
            f"{PREFIX}SENDER__SMTP__USERNAME: a user name and {PREFIX}SENDER__SMTP__PASSWORD are "
            f"required together; found only the {'password' if self.username is None else 'name'}",
        )
        return self


class WebhookEndpoint(_Group):
    """Where a webhook action goes, and the secrets that sign it (the first is the newest).

    The sender reads both more strictly when it starts (`channels.http.endpoints`).
    """

    url: str = Field(pattern=r"^https?://\S+$", description="an http or https address")
    secrets: tuple[SecretStr, ...] = Field(
        default=(), description='a list of secrets: "whsec_" and the base64 of 24 to 64 bytes'
    )


Webhooks = dict[str, WebhookEndpoint]


class Sender(_Group):
    """Delivering."""

    smtp: Smtp = Smtp()
    webhooks: Annotated[Webhooks, BeforeValidator(_from_json)] = Field(
        default={},
        description='JSON such as {"crm": {"url": "https://…", "secrets": ["whsec_…"]}}',
    )
    allow_networks: Annotated[tuple[Network, ...], PlainValidator(_networks)] = Field(
        default=(), description="networks such as 10.1.0.0/16, separated by commas"
    )
    """Private networks that webhooks may dial; all others that are not public are refused."""
    attempt_timeout: float = Field(
        default=10.0, gt=0, le=600, description="seconds, above 0, up to 600"
    )


_Kept = Annotated[Kept, PlainValidator(parse_kept)]
_DAY = UNITS["d"]
_DURATION = "a duration such as 14d, or forever"


class Retention(_Group):
    """How long the topics keep their records. `triggerstream topics create --apply` sets it."""

    events: _Kept = Field(default=Kept(14 * _DAY), description=_DURATION)
    actions: _Kept = Field(default=Kept(14 * _DAY), description=_DURATION)
    inbox: _Kept = Field(default=Kept(3 * _DAY), description=_DURATION)
    """Of what was taken in, a copy stands on the topic of events."""
    deliveries: _Kept = Field(default=Kept(14 * _DAY), description=_DURATION)
    dead_letters: _Kept = Field(default=Kept(14 * _DAY), description=_DURATION)
    changelogs: _Kept = Field(default=Kept(_DAY), description=f"{_DURATION}; at least 1h")
    """How long a state that was overwritten or erased may still lie in a changelog, until the
    broker's next look."""
    outage: _Kept = Field(default=Kept(3 * _DAY), description=_DURATION)
    """The longest that processes may be down and find all records again: from a Friday evening to
    the Monday evening. Events, actions and inbox must be kept at least as long, or no process
    starts."""
    local: _Kept = Field(default=Kept(30 * _DAY), description=_DURATION)
    """The same for all topics of an installation without Kafka (`triggerstream up`)."""
    local_bytes: int | None = Field(
        default=None, ge=1 << 20, description="a number of bytes, at least 1048576"
    )
    """How large its log may become: what would make it larger is refused, and ends it (exit code
    74). As large as the disk allows, if left out."""

    @model_validator(mode="after")
    def _survive_an_outage(self) -> Self:
        for name in ("events", "actions", "inbox"):
            kept: Kept = getattr(self, name)
            _require(
                kept.reaches(self.outage),
                f"{PREFIX}RETENTION__{name.upper()}: required is at least "
                f"{PREFIX}RETENTION__OUTAGE, which is {self.outage}; found {kept}",
            )
        _require(
            self.changelogs.reaches(UNITS["h"]),
            f"{PREFIX}RETENTION__CHANGELOGS: required is at least 1h, in which a late writer may "
            f"still come; found {self.changelogs}",
        )
        return self


class Ingest(_Group):
    """The way in over HTTP (docs/ingest.md)."""

    host: str = Field(default="127.0.0.1", min_length=1, description="an address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="a port, or 0 for any that is free")
    keys: Path | None = Field(default=None, description="the path of a YAML file of keys")
    """Left out, this machine alone may send, without a key: then *host* must be a loopback one."""
    user_secret: SecretStr | None = Field(
        default=None, min_length=32, description="a secret of at least 32 characters"
    )
    """What the shop's server signs user tokens with; without it, none is valid."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        _require(
            self.keys is not None or _is_loopback(self.host),
            f"{PREFIX}INGEST__KEYS: a file of keys is required where {PREFIX}INGEST__HOST is not a "
            f"loopback address; found none, and {self.host}",
        )
        return self


class Settings(_Group):
    """Everything that is set from outside. Times are in seconds.

    Attributes:
        data_dir: Where this process keeps its states; no two processes may share it.
        clock: ``broker``: the topic's append time is the arrival; ``header``: the header
            ``ts-arrival`` is, for history that is played.
        checkpoint_interval: How long a decided state stays in memory only; up to five times that
            where storing states would take too much of the process's time
            (`stream.keyed.owned_partition`).
        cache_size: Customers held decoded, over all partitions.
    """

    kafka: Kafka = Kafka()
    http: Http = Http()
    sender: Sender = Sender()
    retention: Retention = Retention()
    ingest: Ingest = Ingest()
    data_dir: Path = Field(default=Path("data"), description="a directory of this process alone")
    clock: Literal["broker", "header"] = Field(default="broker", description="broker or header")
    checkpoint_interval: float = Field(
        default=1.0, gt=0, le=60, description="seconds, above 0, up to 60"
    )
    cache_size: int = Field(
        default=100_000, ge=1_000, description="a number of customers, at least 1000"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="one of debug, info, warning, error"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto (console on a terminal, else JSON), json or console"
    )


class _Leaf:
    """One setting: where it stands in `Settings`, and what it requires."""

    def __init__(self, path: tuple[str, ...], annotation: Any, requires: str) -> None:
        self.path = path
        self.name = PREFIX + "__".join(path).upper()
        self.requires = requires
        self.is_secret = annotation == Webhooks or SecretStr in (annotation, *get_args(annotation))


def _leaves(group: type[_Group], path: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    for name, field in group.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Group):
            yield from _leaves(kind, (*path, name))
        else:
            yield _Leaf((*path, name), kind, field.description or "")


LEAVES = {leaf.name: leaf for leaf in _leaves(Settings)}
"""Every setting by the name of its variable."""


_OURS = {
    # What is required has been said, and these say less, or say it again.
    **dict.fromkeys(("string_pattern_mismatch", "literal_error"), ""),
    **dict.fromkeys(("string_too_short", "too_short"), ""),
    **dict.fromkeys(("int_parsing", "int_from_float", "int_parsing_size", "float_parsing"), ""),
    "greater_than": "it must be above {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "finite_number": "it must be finite",
    "extra_forbidden": "there is no such key",
    "missing": "this key is missing",
    "dict_type": "this is no mapping",
    "model_type": "this is no mapping",
    "tuple_type": "this is no list",
    "string_type": "this is no text",
}
"""Words for pydantic's kinds of problems, where its own speak of how we check."""


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in *environ* (this process's environment if ``None``).

    Raises:
        SettingsError: Names every variable that is unknown or wrong, what is required of it and
            what was found. Secrets are not repeated.
    """
    given = {
        name: value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith(PREFIX)
    }
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name in sorted(given):
        leaf, text = _read(name, given, problems)
        if leaf is not None:
            _put(values, leaf.path, text)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems.extend(_told(problem) for problem in error.errors())
    if problems or settings is None:
        raise SettingsError("\n".join(problems))
    return settings


def _read(
    name: str, given: Mapping[str, str], problems: list[str]
) -> tuple[_Leaf | None, str | None]:
    """Return the setting that *name* sets and its text, or say what is wrong with the name."""
    leaf = LEAVES.get(name)
    if leaf is not None:
        return leaf, given[name]
    leaf = LEAVES.get(name.removesuffix(_FILE))
    if leaf is None or not leaf.is_secret:
        # Behind the prefix, which would make all of them alike.
        known = [each.removeprefix(PREFIX) for each in LEAVES]
        close = get_close_matches(name.removeprefix(PREFIX), known, n=1)
        remedy = f"; did you mean {PREFIX}{close[0]}?" if close else ""
        problems.append(f"{name}: is not a setting{remedy}")
        return None, None
    if leaf.name in given:
        problems.append(f"{name}: required is this or {leaf.name}; found both")
        return None, None
    try:
        return leaf, Path(given[name]).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problems.append(f"{name}: required is a readable file; found {given[name]!r} ({reason})")
        return None, None


def _put(values: dict[str, Any], path: tuple[str, ...], value: str | None) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


def _told(problem: Any) -> str:
    """Return what pydantic found, in the words of who has to correct it."""
    path = [str(part) for part in problem["loc"]]
    leaf = None
    for end in range(len(path), 0, -1):
        leaf = LEAVES.get(PREFIX + "__".join(path[:end]).upper())
        if leaf is not None:
            path = path[end:]
            break
    ours = _OURS.get(problem["type"])
    if ours is None:
        words = problem["msg"].removeprefix("Value error, ")
    else:
        words = ours.format(**problem.get("ctx", {}))
    if leaf is None:  # from a validator of a group, whose words name the variables
        return str(words)
    found = "a value that is not shown" if leaf.is_secret else repr(problem["input"])
    where = ": ".join(filter(None, (f"at {'.'.join(path)}" if path else "", str(words))))
    where = f" ({where})" if where else ""
    return f"{leaf.name}: required is {leaf.requires}; found {found}{where}"
