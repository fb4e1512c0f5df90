"""``render``: the messages of a trigger, as a sender would send them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import print_json, printable_lines, say
from triggerstream.cli.trigger_files import TriggerFiles
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.channels.base import Content
    from triggerstream.core.decisions import Action, Firing
    from triggerstream.core.rulesets.compile import CompiledTrigger
    from triggerstream.core.rulesets.ruleset import Ruleset

_HOME = Path("triggers")


def render(
    trigger: Annotated[str, typer.Argument(help="The trigger's id.")],
    triggers: Annotated[
        Path | None,
        typer.Option(
            "--triggers",
            help="A directory of trigger files: triggers, or else this directory, unless said.",
        ),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(
            "--event",
            metavar="FILE",
            help="The last matched event, as JSON; - for stdin. Left out: of the first test that "
            "fires the trigger.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="FILE|JSON", help="The customer's attributes: a JSON object."
        ),
    ] = None,
    action: Annotated[
        int | None,
        typer.Option("--action", min=1, help="The message of this entry of 'then' alone, from 1."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the messages as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the message's HTML there.")
    ] = None,
) -> None:
    """Show a trigger's messages: subject, text and HTML.

    They are as a sender would send them.

    Without --event and without a test that fires the trigger, lists what its templates must find.
    Exits 1 if a message cannot be rendered.
    """
    files = TriggerFiles(triggers or (_HOME if _HOME.is_dir() else Path()))
    ruleset = files.ruleset()
    compiled = _trigger(ruleset, trigger)
    attributes = None if profile is None else _object("--profile", _read_profile(profile))
    firing = _firing(files, ruleset, compiled, event, attributes)
    chosen = _chosen(firing, action)
    rendered = _render(firing, chosen, ruleset, files.folder)
    if html is not None:
        _write_html(html, rendered)
    if json:
        print_json([_as_json(firing, *each) for each in rendered])
    elif rendered:
        print("\n\n".join("\n".join(_told(firing, *each)) for each in rendered))
    if len(rendered) < len(chosen):
        raise typer.Exit(1)


def _trigger(ruleset: Ruleset, name: str) -> CompiledTrigger:
    from triggerstream.core.parsing.source.reader import suggest
    from triggerstream.core.rulesets.compile import compile_trigger

    by_id = {each.id: each for each in ruleset.source.triggers}
    if name not in by_id:
        known = ", ".join(by_id) or "there are none"
        msg = f"required is the id of a trigger ({known}); found {name!r}{suggest(name, by_id)}"
        raise UsageError(msg)
    return compile_trigger(by_id[name], ruleset.policy)  # one that is `off`, too


# ── the firing ──────────────────────────────────────────────────────────────────────────────


def _firing(
    files: TriggerFiles,
    ruleset: Ruleset,
    trigger: CompiledTrigger,
    event: str | None,
    profile: dict[str, Any] | None,
) -> Firing:
    """Return the firing to render, saying on stderr what it is made of."""
    import msgspec

    from triggerstream.authoring.samples import empty_event, firing_of, first_firing

    if event is not None:
        return _of_event(trigger, event, profile or {})
    found = first_firing(files.fixtures(ruleset=ruleset), ruleset, trigger.id)
    if found is not None:
        fixture, firing = found
        say(f"of {fixture.where}: {fixture.name}")
        return firing if profile is None else msgspec.structs.replace(firing, profile=profile)
    say(f"of an empty event: no test fires {trigger.id}; give --event")
    if profile is None:
        _tell_missing(ruleset, trigger, files.folder)
    return firing_of(trigger, empty_event(trigger), profile or {})


def _of_event(trigger: CompiledTrigger, path: str, profile: dict[str, Any]) -> Firing:
    from triggerstream.authoring.samples import event_of, firing_of
    from triggerstream.core.records.record import Rejected

    try:
        event = event_of(_read("--event", path).strip())
    except Rejected as rejected:
        msg = f"--event: required is one event as JSON; found in {path}: {rejected}"
        raise UsageError(msg) from rejected
    if event.event_type not in trigger.matcher.types:
        known = ", ".join(sorted(trigger.matcher.types))
        say(f"note: {trigger.id} matches {known}; found {event.event_type!r}")
    against = None if trigger.check is None else trigger.check(event, profile, event.timestamp)
    if against is not None:
        say(f"note: {trigger.id} would not fire: {against}")
    return firing_of(trigger, event, profile)


def _tell_missing(ruleset: Ruleset, trigger: CompiledTrigger, folder: str) -> None:
    """Say what the templates must find, of which an empty event has nothing."""
    from triggerstream.authoring.gaps import unsure

    for spec in trigger.source.actions:
        for problem in unsure(ruleset.source, trigger.source, spec):
            say(f"{folder}{problem}: must be there")


def _read(option: str, path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        msg = f"{option}: required is a file that can be read; found {path}: {error.strerror}"
        raise UsageError(msg) from error


def _read_profile(profile: str) -> bytes:
    if profile.lstrip().startswith("{"):
        return profile.encode()
    return _read("--profile", profile)


def _object(option: str, value: bytes) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{option}: required is a JSON object; found {error}"
        raise UsageError(msg) from error


# ── the messages ────────────────────────────────────────────────────────────────────────────

_Rendered = tuple[int, "Action", "Content"]
"""An action's number in ``then``, from 1, the action, and its message."""


def _chosen(firing: Firing, action: int | None) -> list[tuple[int, Action]]:
    """Return the actions to render, with their numbers in ``then``."""
    templated = [
        (number, each) for number, each in enumerate(firing.actions, 1) if each.template is not None
    ]
    chosen = [each for each in templated if action in (None, each[0])]
    if not chosen:
        numbers = ", ".join(str(number) for number, _ in templated) or "none has one"
        found = f"{firing.trigger} without" if action is None else f"{action}"
        msg = f"required is an action with a template ({numbers}); found {found}"
        raise UsageError(msg)
    return chosen


def _render(
    firing: Firing, chosen: list[tuple[int, Action]], ruleset: Ruleset, folder: str
) -> list[_Rendered]:
    """Return the messages; say of each that cannot be rendered, why."""
    from triggerstream.authoring import messages
    from triggerstream.channels.templates import TemplateError

    rendered: list[_Rendered] = []
    for number, action in chosen:
        try:
            rendered.append((number, action, messages.render(firing, action, ruleset)))
        except TemplateError as error:
            what = messages.called(action, firing.trigger)
            say(f"{what} cannot be rendered: {messages.why_not(error, folder)}")
    return rendered


def _write_html(path: Path, rendered: list[_Rendered]) -> None:
    parts = [content.html for _, _, content in rendered if content.html is not None]
    if len(parts) != 1:
        remedy = ": choose it by --action" if len(parts) > 1 else ""
        msg = f"--html: required is one message with an HTML part; found {len(parts)}{remedy}"
        raise UsageError(msg)
    try:
        path.write_bytes(parts[0].encode())
    except OSError as error:
        msg = f"--html: required is a file that can be written to; found {path}: {error.strerror}"
        raise UsageError(msg) from error


def _told(firing: Firing, number: int, action: Action, content: Content) -> list[str]:
    from triggerstream.authoring.messages import called

    lines = [f"── {called(action, firing.trigger)} (action {number}, template {action.template})"]
    if content.subject is not None:
        lines.append(f"Subject: {content.subject}")
    for name, part in (("Text", content.text), ("HTML", content.html)):
        if part is not None:
            lines += ["", f"{name}:", part.rstrip("\n")]
    return [line for each in lines for line in printable_lines(each)]


def _as_json(firing: Firing, number: int, action: Action, content: Content) -> dict[str, Any]:
    return {
        "trigger": firing.trigger,
        "customer_id": firing.customer_id,
        "action": number,
        "channel": action.channel,
        "template": action.template,
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
    }
