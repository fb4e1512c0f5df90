"""``topics``: whether they are there and set as the settings say; making and setting them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from triggerstream.cli.output import print_json, print_table, say
from triggerstream.cli.startup import Dir, find, prepare, reaching_kafka

if TYPE_CHECKING:
    from triggerstream.ops.settings import Settings
    from triggerstream.stream.kafka.topic_findings import Finding, Found
    from triggerstream.stream.kafka.topics import Topic

T = TypeVar("T")

app = typer.Typer(
    help="The topics: check them, make and set them.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line a topic.")]


@app.command()
def check(directory: Dir = None, json: Json = False) -> None:
    """Compare the topics with the settings; tell what each keeps.

    Exits 1 if one is missing or differs, and says what mends it. Of a local installation it tells
    how long it keeps what.
    """
    settings, installation = find(directory)
    from triggerstream.installation.local import LocalInstallation

    if isinstance(installation, LocalInstallation):
        _show_local(settings, json=json)
        return
    wanted = _wanted(settings)
    found = _ask(_look(settings, wanted), settings)
    findings = _findings(wanted, found)
    if json:
        _print_json(wanted, found, findings)
    else:
        if findings:
            _print_findings(found, findings)
        else:
            _print_kept(wanted, found)
        _say_whether(findings)
    if findings:
        raise typer.Exit(1)


@app.command()
def create(
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Set what differs, too; without it, that is only told."),
    ] = False,
) -> None:
    """Make what is missing; tell what differs.

    Says what it is about to do before it does it. Numbers of partitions are never changed. Exits 1
    if something differs still, and 73 where it is a number of partitions.
    """
    settings = prepare()
    left = _ask(_create(settings, apply=apply), settings)
    if left:
        say(f"{_number(left, 'setting')} left as found: --apply sets what differs")
        raise typer.Exit(1)


def _ask(question: Coroutine[Any, Any, T], settings: Settings) -> T:
    """Run *question*, which talks to the brokers, and return its answer.

    Raises:
        UnreachableError: They do not answer, or refuse; known before *question* begins.
        SettingsError: A certificate or key file cannot be read.
    """
    from triggerstream.stream.kafka.client import client_options
    from triggerstream.stream.kafka.reach import reach

    async def ask() -> T:
        try:
            await reach(client_options(settings.kafka))
        except BaseException:
            question.close()
            raise
        return await question

    with reaching_kafka(settings):
        return asyncio.run(ask())


def _wanted(settings: Settings) -> tuple[Topic, ...]:
    from triggerstream.stream.kafka.topics import Topics, wanted_topics

    return wanted_topics(
        Topics(settings.kafka.topic_prefix),
        settings.kafka.partitions,
        header_clock=settings.clock == "header",
        retention=settings.retention,
    )


def _findings(wanted: Iterable[Topic], found: Mapping[str, Found]) -> list[Finding]:
    from triggerstream.stream.kafka.topic_findings import findings_of

    return findings_of(wanted, found)


async def _look(settings: Settings, wanted: Iterable[Topic]) -> dict[str, Found]:
    from triggerstream.stream.kafka.client import client_options
    from triggerstream.stream.kafka.topic_admin import TopicAdmin

    async with TopicAdmin(client_options(settings.kafka)) as admin:
        there = await admin.names()
        return await admin.look([topic for topic in wanted if topic.name in there])


async def _create(settings: Settings, *, apply: bool) -> list[Finding]:
    """Make what is missing, and with *apply* set what differs; return what is left.

    Raises:
        SettingsError: The broker refused; the message says what, and why.
        WorldChangedError: A number of partitions is another one.
    """
    from triggerstream.errors import SettingsError
    from triggerstream.stream.kafka.client import client_options
    from triggerstream.stream.kafka.topic_admin import TopicAdmin
    from triggerstream.stream.kafka.topic_findings import (
        PARTITIONS,
        refuse_to_start,
        remedies,
        told,
    )

    wanted = _wanted(settings)
    async with TopicAdmin(client_options(settings.kafka)) as admin:
        there = await admin.names()
        missing = [topic for topic in wanted if topic.name not in there]
        found = await admin.look([topic for topic in wanted if topic.name in there])
        for topic in missing:
            set_to = ", ".join(f"{key}={value}" for key, value in sorted(topic.config.items()))
            say(f"make {topic.name}: {topic.partitions} partitions, {set_to}")
        present = [topic for topic in wanted if topic.name in there]
        differing = _findings(present, found)
        partitions = [each for each in differing if each.setting == PARTITIONS]
        settable = [each for each in differing if each.setting != PARTITIONS]
        for each in settable:
            was, becomes = told(each.setting, each.found), told(each.setting, each.wanted)
            say(
                f"{'set' if apply else 'differs:'} {each.topic}: {each.setting}: {was} -> {becomes}"
            )
        refused = await admin.make(missing, settings.kafka.replication)
        if refused:
            raise SettingsError("; ".join(refused.values()))
        if apply:
            await admin.alter(remedies(settable))
        made = await admin.look(missing)  # until they are known
    refuse_to_start(partitions)
    done = f"{_number(made, 'topic')} made, {_number(settable if apply else [], 'setting')} set"
    say(done if made or (apply and settable) else "no topic is missing")
    return [] if apply else settable


# ── telling ─────────────────────────────────────────────────────────────────────────────────


def _print_findings(found: Mapping[str, Found], findings: Iterable[Finding]) -> None:
    from triggerstream.stream.kafka.topic_findings import told

    print_table(
        ["topic", "partitions", "setting", "wanted", "found", "a process", "remedy"],
        (
            [
                each.topic,
                found[each.topic].partitions if each.topic in found else "none",
                each.setting,
                told(each.setting, each.wanted),
                told(each.setting, each.found),
                "does not start" if each.stops else "warns",
                each.remedy,
            ]
            for each in findings
        ),
    )


def _print_kept(wanted: Iterable[Topic], found: Mapping[str, Found]) -> None:
    print_table(
        ["topic", "partitions", "keeps"],
        ([each.name, found[each.name].partitions, _kept(found[each.name])] for each in wanted),
    )


def _kept(found: Found) -> str:
    """Return in words for how long a topic keeps what stands on it."""
    from triggerstream.stream.kafka.topic_findings import kept_for

    if found.config.get("cleanup.policy") == "compact":
        lag = found.config.get("max.compaction.lag.ms")
        return "the newest of each key" + (f", others up to {kept_for(lag)}" if lag else "")
    kept = found.config.get("retention.ms")
    return "not told" if kept is None else kept_for(kept)


def _print_json(
    wanted: Iterable[Topic], found: Mapping[str, Found], findings: Iterable[Finding]
) -> None:
    from triggerstream.stream.kafka.topic_findings import Found as Nothing

    by_topic: dict[str, list[dict[str, Any]]] = {}
    for each in findings:
        by_topic.setdefault(each.topic, []).append(
            {
                "setting": each.setting,
                "wanted": each.wanted,
                "found": each.found,
                "stops": each.stops,
                "remedy": each.remedy,
            }
        )
    for topic in wanted:
        there = found.get(topic.name, Nothing())
        print_json(
            {
                "topic": topic.name,
                "partitions": there.partitions,
                "keeps": _kept(there) if there.partitions else None,
                "findings": by_topic.get(topic.name, []),
            }
        )


def _show_local(settings: Settings, *, json: bool) -> None:
    """Tell how long an installation without Kafka keeps what stands on its topics."""
    kept = settings.retention.local
    shorts = ("events", "actions", "inbox", "deliveries", "events.dlq", "actions.dlq")
    rows = [(short, 1, str(kept)) for short in shorts]
    rows.append(("segments", 1, "the newest of each key, others up to 1d"))
    rows.append(("rulesets", 1, "forever"))
    if json:
        for topic, partitions, keeps in rows:
            print_json({"topic": topic, "partitions": partitions, "keeps": keeps, "findings": []})
        return
    print_table(["topic", "partitions", "keeps"], rows)
    say(f"one machine, no Kafka: TRIGGERSTREAM_RETENTION__LOCAL, which is {kept}, says how long")


def _say_whether(findings: list[Finding]) -> None:
    if not findings:
        say("all topics are as the settings say")
        return
    say(
        f"{_number(findings, 'finding')}: `triggerstream topics create` makes what is missing, "
        "with --apply it sets what differs"
    )


def _number(things: Any, noun: str) -> str:
    count = len(things)
    return f"{count} {noun}{'' if count == 1 else 's'}"
