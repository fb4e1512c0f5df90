"""``inspect``: what is remembered of one customer, asked of the processes that own it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from triggerstream.cli.output import escaped, print_json, say
from triggerstream.cli.startup import ask_kafka, prepare
from triggerstream.errors import UnreachableError

if TYPE_CHECKING:
    from triggerstream.ops.settings import Settings


class _Process(NamedTuple):
    """A process's name in its group, the command that starts it, and whose partitions it owns."""

    name: str
    command: str
    topic: str


_PROCESSES = (_Process("detect", "worker", "events"), _Process("send", "sender", "actions"))


def inspect(
    customer: Annotated[str, typer.Argument(help="A customer_id.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is remembered of a customer.

    Progress, open waits and limits, asked of a worker; sends and caps, asked of a sender. Exits 1
    where nothing is remembered, and 69 where that is not known, since nobody owns the customer now.
    """
    settings = prepare()
    answers = {each.name: _ask(settings, each, customer) for each in _PROCESSES}
    known = {process: found for process, found in answers.items() if found and found["known"]}
    if json:
        print_json(known)
    else:
        for process, found in known.items():
            print(f"{process}:")
            _print(found, "  ")
    if not known:
        told, code = nothing_known(customer, answers)
        say(told)
        raise typer.Exit(code)


def nothing_known(customer: str, answers: Mapping[str, Any]) -> tuple[str, int]:
    """Return what is said, and the exit code, where no answer in *answers* remembers *customer*.

    An answer that is ``None`` could not be asked for: then it is not known that there is nothing.
    """
    asked = [name for name, answer in answers.items() if answer is not None]
    if len(asked) == len(answers):
        return f"nothing is remembered of {customer!r}", 1
    if asked:
        told = f"nothing is remembered of {customer!r} by {', '.join(asked)}; of the rest see above"
    else:
        told = f"whether anything is remembered of {customer!r} is not known"
    return told, UnreachableError.exit_code


def _ask(settings: Settings, process: _Process, customer: str) -> dict[str, Any] | None:
    """Return what the owner answers, which may be ``{"known": False}``; ``None`` without one."""
    from triggerstream.cli.owner import ask_owner, find_owner
    from triggerstream.stream.kafka.client import client_options
    from triggerstream.stream.kafka.topics import Topics

    topics = Topics(settings.kafka.topic_prefix)
    question = find_owner(
        client_options(settings.kafka),
        group=topics.process(process.name),
        topic=topics.name(process.topic),
        customer_id=customer,
    )
    number, owner = ask_kafka(question, settings, needs=(process.topic,))
    if owner is None:
        say(
            f"{process.name}: nobody owns partition {number} of {topics.name(process.topic)} now; "
            f"start a `triggerstream {process.command}`, which joins {topics.process(process.name)}"
        )
        return None
    token = settings.http.admin_token
    found = ask_owner(owner, customer, None if token is None else token.get_secret_value())
    return {"known": False} if found is None else found


def _print(value: Any, indent: str) -> None:
    """Print mappings and lists as an indented outline, each name and each value on one line."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for name, content in pairs:
        if isinstance(content, dict | list) and content:
            print(f"{indent}{escaped(str(name))}:")
            _print(content, f"{indent}  ")
        else:
            print(f"{indent}{escaped(str(name))}: {escaped(str(content))}")
