"""Reading one trigger: its head, limits, actions and goal."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from triggerstream.core.model import (
    BUILT,
    CHANNELS,
    MODES,
    PRIORITIES,
    TYPES,
    ActionSpec,
    EventPattern,
    Limits,
    Trigger,
)
from triggerstream.core.parsing.conditions.asked import check_instances
from triggerstream.core.parsing.conditions.conditions import if_of
from triggerstream.core.parsing.patterns.happenings import happening
from triggerstream.core.parsing.patterns.patterns import when
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader

KEYS = ("trigger", "name", "type", "priority", "mode", "when", "if", "limits", "then", "until")
LIMIT_KEYS = ("cooldown", "max_per_customer", "holdout")
LATER = (
    "purpose", "basis", "topic", "tags", "hints", "rollout", "shadow_of", "variants", "experiment",
    "goal_within", "exit", "reentry", "on_edit",
)  # fmt: skip
LATER_LIMITS = ("exempt", "counts_toward_cap", "on_cap", "engagement_floor")
"""Keys of the language that this version does not know."""
TEMPLATED = ("email", "sms", "push", "in_app")
"""The channels that render a template."""

LONGEST_ID = 128

_ELSEWHERE = {
    **dict.fromkeys(LIMIT_KEYS, "limits"),
    **dict.fromkeys(
        ("event", "count", "sequence", "all", "any", "per", "within", "restart"), "when"
    ),
}
OTHER_WORDS = {
    "id": "trigger",
    "conditions": "if",
    "condition": "if",
    "actions": "then",
    "goal": "until",
    "enabled": "mode",
    "pattern": "when",
    "trigger_type": "type",
}
_REFUSED = {
    key: f"{key}: under {place!r}; found at the top of the trigger"
    for key, place in _ELSEWHERE.items()
} | {key: f"trigger: {word!r} for this; found {key!r}" for key, word in OTHER_WORDS.items()}
_REFUSED |= read.later("trigger", KEYS, LATER)


class PlacedTrigger(msgspec.Struct, frozen=True):
    """A trigger with the places that checks over all files want.

    Attributes:
        id_at: Where its id stands.
        templates: By action in order: where the name of an e-mail's template stands.
        names: What it uses by name: kind and name, those within others too.
    """

    file: str
    trigger: Trigger
    id_at: Node
    templates: tuple[Scalar, ...]
    names: frozenset[tuple[str, str]] = frozenset()


def read_trigger(reader: Reader, node: Node) -> PlacedTrigger:
    """Return the trigger in the document *node*, after telling all its problems."""
    reader.defined.used = set()
    reader.numbers = []
    fields = reader.mapping(node, "trigger", KEYS, _REFUSED)
    name = fields.need("trigger", trigger_id) or ""
    pattern, per = fields.need("when", when) or (EventPattern(()), None)
    actions = fields.read("then", _actions) or []
    condition = if_of(fields)
    numbers = tuple(reader.numbers)
    if per is None and "if" in fields:
        check_instances(reader, condition, fields["if"], "a trigger without")
    trigger = Trigger(
        id=name,
        when=pattern,
        name=fields.read("name", read.text) or name,
        type=fields.read("type", read.choice(TYPES)) or "behavioral",
        priority=fields.read("priority", read.choice(PRIORITIES)) or "medium",
        mode=fields.read("mode", read.choice(MODES)) or "live",
        per=per,
        condition=condition,
        limits=fields.read("limits", _limits) or Limits(),
        actions=tuple(action for action, _ in actions),
        goal=fields.read("until", happening),
        numbers=numbers,
    )
    id_at = fields.node.entries.get("trigger", node)
    templates = tuple(
        place
        for action, place in actions
        if action.channel == "email" and isinstance(place, Scalar)
    )
    return PlacedTrigger(reader.file, trigger, id_at, templates, frozenset(reader.defined.used))


_ID = re.compile(r"[^\s/](?:[^\t\r\n/\x00-\x1f\x7f]*[^\s/])?")


def trigger_id(reader: Reader, node: Node, what: str) -> str | None:
    """Read the id of a trigger, which names files, metrics and firings; or another name."""
    name = read.text(reader, node, what)
    if name is None or (len(name) <= LONGEST_ID and _ID.fullmatch(name)):
        return name
    required = f"{what}: an id of at most {LONGEST_ID} characters, without '/' or line breaks"
    reader.report(node, f"{required}, such as cart-abandonment; found {read.show(node)}")
    return None


def _limits(reader: Reader, node: Node, what: str) -> Limits:
    fields = reader.mapping(node, what, LIMIT_KEYS, read.later(what, LIMIT_KEYS, LATER_LIMITS))
    return Limits(
        cooldown=fields.read("cooldown", read.duration),
        max_per_customer=fields.read("max_per_customer", read.whole(1)),
        holdout=fields.read("holdout", read.share) or 0.0,
    )


# ── then ────────────────────────────────────────────────────────────────────────────────────

_PlacedAction = tuple[ActionSpec, Node | None]
"""An action, and where its template's name stands."""


def _actions(reader: Reader, node: Node, what: str) -> list[_PlacedAction]:
    items = reader.items(node, what, "actions, such as - email: {template: NAME}")
    actions = [_action(reader, item) for item in items]
    return [action for action in actions if action is not None]


def _action(reader: Reader, node: Node) -> _PlacedAction | None:
    if not isinstance(node, Mapping):
        required = f"then: a mapping with a channel ({read.one_of(BUILT)})"
        form = ""
        if isinstance(node, Scalar) and node.text in BUILT:
            form = f": write {node.text}: {{…}}"
        reader.report(node, f"{required}; found {read.show(node)}{form}")
        return None
    later = [channel for channel in CHANNELS if channel not in BUILT and channel in node.entries]
    fields = reader.mapping(node, "then", (*BUILT, *later, "after"))
    for channel in later:
        required = f"then: a channel that there is ({read.one_of(BUILT)})"
        reader.refuse(
            node.keys[channel], f"{required}; found {channel!r}: there is no {channel!r} yet"
        )
    channels = [channel for channel in CHANNELS if channel in fields]
    if len(channels) != 1:
        if channels or set(node.entries) <= {"after"}:  # an unknown key was told already
            required = f"then: one channel in each entry ({read.one_of(BUILT)})"
            reader.report(node, f"{required}; found {' and '.join(channels) or 'none'}")
        return None
    (channel,) = channels
    after = fields.read("after", read.duration) or 0
    settings = fields[channel]
    if channel == "log" and isinstance(settings, Scalar) and settings.value is None:
        return ActionSpec(channel, after=after), None
    return _channel(reader, channel, settings, after)


def _channel(reader: Reader, channel: str, node: Node, after: int) -> _PlacedAction | None:
    """Read a channel's own settings; what the channel does not know it tells when it starts."""
    if not isinstance(node, Mapping):
        form = "{template: NAME}" if channel in TEMPLATED else "{…}"
        reader.report(node, f"{channel}: a mapping, such as {form}; found {read.show(node)}")
        return None
    known = _KNOWN.get(channel) or tuple({"template": None, **node.entries})
    fields = reader.mapping(node, channel, known)
    options = read.plain(node)
    options.pop("template", None)
    template = (fields.need if channel in TEMPLATED else fields.read)("template", _template)
    _OWN_SETTINGS.get(channel, _none)(fields)
    place = fields["template"] if template is not None else None
    return ActionSpec(channel, template, after, options), place


_KNOWN = {"log": ("message",)}
"""Channels that take nothing else; the others pass on what they are given."""


def _endpoint(fields: Fields) -> None:
    if "url" in fields and "endpoint" not in fields:
        required = "webhook: 'endpoint', a name under which the sender's settings have the URL"
        fields.reader.report(fields.key("url"), f"{required}; found 'url'")
    else:
        fields.need("endpoint", read.text)
    fields.read("fields", _attributes)


def _attributes(reader: Reader, node: Node, what: str) -> None:
    """Read which attributes of the profile are sent along: names, or all."""
    if isinstance(node, Scalar) and node.value == "all":
        return
    names = read.texts(reader, node, what)
    for each in node.items if isinstance(node, Items) else (node,):
        if names is not None and isinstance(each, Scalar) and "." in each.text:
            required = f"{what}: names of the profile, such as [email, tier], or all"
            reader.report(each, f"{required}; found {each.text!r}")


def _message(fields: Fields) -> None:
    fields.read("message", read.text)


def _none(_fields: Fields) -> None:
    """No settings that would be known here."""


_OWN_SETTINGS: dict[str, Callable[[Fields], None]] = {"webhook": _endpoint, "log": _message}

_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _template(reader: Reader, node: Node, what: str) -> str | None:
    name = read.text(reader, node, what)
    if name is None or _TEMPLATE.fullmatch(name):
        return name
    required = f"{what}: the name of a directory of templates/ (letters, digits, '_', '-', '.')"
    reader.report(node, f"{required}; found {read.show(node)}")
    return None
