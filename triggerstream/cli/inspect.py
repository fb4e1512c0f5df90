"""``inspect``: what is remembered of one customer, asked of the processes that own it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import print_json, say
from triggerstream.cli.startup import ask_kafka, prepare

if TYPE_CHECKING:
    from triggerstream.ops.settings import Settings

_PROCESSES = (("detect", "events"), ("send", "actions"))
"""Each process, and the topic whose partitions it owns."""


def inspect(
    customer: Annotated[str, typer.Argument(help="A customer_id.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is remembered of a customer: progress, open waits, limits, sends and caps.

    Exits 1 where nothing is remembered.
    """
    settings = prepare()
    answers = {process: _ask(settings, process, topic, customer) for process, topic in _PROCESSES}
    known = {process: found for process, found in answers.items() if found and found["known"]}
    if json:
        print_json(known)
    else:
        for process, found in known.items():
            print(f"{process}:")
            _print(found, "  ")
    if not known:
        say(f"nothing is remembered of {customer!r}")
        raise typer.Exit(1)


def _ask(settings: Settings, process: str, topic: str, customer: str) -> dict[str, Any] | None:
    from triggerstream.cli.owner import ask_owner, find_owner
    from triggerstream.stream.kafka.client import client_options
    from triggerstream.stream.kafka.topics import Topics

    topics = Topics(settings.kafka.topic_prefix)
    question = find_owner(
        client_options(settings.kafka),
        group=topics.process(process),
        topic=topics.name(topic),
        customer_id=customer,
    )
    number, owner = ask_kafka(question, settings)
    if owner is None:
        say(f"{process}: nobody owns partition {number} of {topics.name(topic)} now")
        return None
    token = settings.http.admin_token
    return ask_owner(owner, customer, None if token is None else token.get_secret_value())


def _print(value: Any, indent: str) -> None:
    """Print mappings and lists as an indented outline."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for name, content in pairs:
        if isinstance(content, dict | list) and content:
            print(f"{indent}{name}:")
            _print(content, f"{indent}  ")
        else:
            print(f"{indent}{name}: {content}")
