"""The protocol with one point taken out at a time: each must be caught by some schedule."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from tests.simulation.pair import PairSchedule
from tests.simulation.protocol import ProtocolSchedule, ReturningSchedule
from triggerstream.core.detection import detect, engine
from triggerstream.core.keyed import cache, cuts, partition, restore
from triggerstream.core.policy import caps
from triggerstream.core.sending import lifecycle as turn
from triggerstream.core.sending import send
from triggerstream.stream.dispatch import results as answers
from triggerstream.stream.keyed import checkpoints, process


class Edit(NamedTuple):
    """In the source of one method, *old* stands once, and becomes *new*."""

    owner: type | ModuleType
    method: str
    old: str
    new: str


class Mutant:
    """A protocol that lacks one of its points.

    Attributes:
        kind: The schedules that show it.
    """

    def __init__(
        self,
        name: str,
        *edit: Any,
        also: Edit | None = None,
        kind: type[ProtocolSchedule | PairSchedule] = ProtocolSchedule,
    ) -> None:
        self.name = name
        self.kind = kind
        self.edits = [Edit(*edit), *([also] if also else [])]


MUTANTS = (
    Mutant(
        "no fence",
        partition.Partition,
        "apply",
        "contained = offset <= entry.fence",
        "contained = False",
    ),
    Mutant(
        "memory kept over a generation",
        process.KeyedProcess,
        "open",
        "store = self._open_store(number)",
        "if number in self._owned: return\n    store = self._open_store(number)",
        also=Edit(process.KeyedProcess, "drop", "self._forget(number)", "pass"),
    ),
    Mutant(
        "no wait for the acknowledgement",
        checkpoints.Checkpoints,
        "_land",
        "await self.settle(told)",
        "pass",
    ),
    Mutant(
        "commit before checkpoint",
        process.KeyedProcess,
        "_tell",
        "partition = owned.partition",
        "partition = owned.partition; self._input.done(partition.number, partition.offset)",
    ),
    Mutant(
        "offsets without a record are never done",
        process.KeyedProcess,
        "pass_over",
        "owned.partition.pass_over(offset)",
        "pass",
    ),
    Mutant(
        "offsets without a record are done before what stands before them is stored",
        process.KeyedProcess,
        "pass_over",
        "owned.partition.pass_over(offset)",
        "self._input.done(number, offset)",
    ),
    Mutant(
        "partition record before its customers",
        checkpoints.Checkpoints,
        "_land",
        "await self._append(owned, states, foreign)",
        "await self._append(owned, [(PARTITION_KEY, cut.record)], foreign)\n"
        "    await self._append(owned, states, foreign)",
    ),
    Mutant(
        "local store before the changelog",
        checkpoints.Checkpoints,
        "_land",
        "foreign = Foreign(",
        "owned.store.write(cut.values, partition_record=cut.record, "
        "changelog_offset=owned.expected - 1)\n    foreign = Foreign(",
    ),
    Mutant(
        "last record wins on restore",
        restore.Restore,
        "apply",
        "is_stale = fence < known",
        "is_stale = False",
    ),
    Mutant(
        "a null behind a stale grave takes a newer grave with it",
        restore.Restore,
        "apply",
        "best is not None",
        "best is not None and not header.unpack(best)[1] & header.GRAVE",
        kind=ReturningSchedule,
    ),
    Mutant(
        "a null without a grave where nothing is held",
        checkpoints,
        "_with_graves",
        "rows.append((key, grave or header.pack_grave(0, offset, -1)))",
        "rows.extend([(key, grave)] if grave else [])",
        kind=ReturningSchedule,
    ),
    Mutant(
        "no answer to a foreign write",
        checkpoints.Checkpoints,
        "_land",
        "(lost := foreign.take()) is not None",
        "(lost := None) is not None",
    ),
    Mutant(
        "a null before its grave is covered",
        cuts.Cuts,
        "make",
        "values[customer] = self._codec.dump(entry)",
        "values[customer] = None if entry.state is None else self._codec.dump(entry)",
    ),
    Mutant(
        "a grave's rest is measured by the partition's clock",
        checkpoints.Checkpoints,
        "_cut",
        "owned.grace.record",
        "type(owned.partition.record)(offset=owned.partition.record.offset, "
        "clock=owned.partition.clock - 3_600_000)",
    ),
    Mutant(
        "due scan without the dirty index",
        cache.StateCache,
        "due",
        "if entry is not None and not entry.dirty and customer not in on_their_way:",
        "if entry is not None:",
    ),
    Mutant(
        "due scan without what is on its way",
        cache.StateCache,
        "due",
        " and customer not in on_their_way",
        "",
    ),
    Mutant(
        "timers set beside a cut are forgotten when it has landed",
        cache.StateCache,
        "stored",
        "for customer, entry in self._dirty.items() if entry.wake != NEVER",
        "for customer, entry in ()",
    ),
    Mutant(
        "what changed beside a cut counts as stored when it has landed",
        cuts.Cuts,
        "landed",
        "self._cache.stored()",
        "self._cache.cut(); self._cache.stored()",
    ),
    Mutant(
        "a fence raised by the record's own timer hides the record",
        partition.Partition,
        "_fire_due",
        "customer == own or ",
        "",
    ),
    Mutant(
        "a stale record that a restore dropped is left in the log",
        restore.Restore,
        "apply",
        "stale[customer] = self._stale[customer] = None",
        "self._stale[customer] = None",
    ),
    Mutant(
        "a call before its reservation is durable",
        process.KeyedProcess,
        "_tell",
        "owned.attempts.extend(decided)",
        "[self._attempts.start(0, each) for each in decided]",
        kind=PairSchedule,
    ),
    Mutant(
        "a call with the cut before the one that knows of it",
        checkpoints.Checkpoints,
        "_land",
        "for attempt in attempts:",
        "attempts, owned.attempts = [*attempts, *owned.attempts], []\n"
        "        for attempt in attempts:",
        kind=PairSchedule,
    ),
    Mutant(
        "no dedup mark",
        turn.Turn,
        "admit",
        "ledger.marks[action.action_id] =",
        "_ =",
        kind=PairSchedule,
    ),
    Mutant(
        "a firing of before the erasure is taken for a new one",
        send.Send,
        "on_message",
        "0 <= message.position <= state.erased",
        "False",
        kind=PairSchedule,
    ),
    Mutant(
        "a repeated erasure buries who has come back",
        partition.Partition,
        "_bury",
        "if not self._program.on_erase(",
        "if None is self._program.on_erase(",
        kind=PairSchedule,
    ),
    Mutant(
        "a slot that counts under the caps when the action has ended",
        caps,
        "slots_taken",
        "in ledger.pending.values()",
        "in ()",
        kind=PairSchedule,
    ),
    Mutant(
        "a call without an answer is made again where it must not be",
        turn.Turn,
        "answer",
        "pending.channel not in self._repeatable",
        "False",
        kind=PairSchedule,
    ),
    Mutant(
        "an answer whose append is not awaited",
        answers.Results,
        "_append_gathered",
        "await (await self._log.append([record for record, _ in gathered]))",
        "await self._log.append([record for record, _ in gathered])",
        kind=PairSchedule,
    ),
    Mutant(
        "due times that are all reserved, whatever room there is",
        partition.Partition,
        "_fire_due",
        "if self._uses_up(decided, said) or is_full:",
        "if is_full:",
        kind=PairSchedule,
    ),
    Mutant(
        "records that are decided behind the one that has used the room up",
        partition.Partition,
        "apply",
        "if is_used_up:",
        "if False:",
        kind=PairSchedule,
    ),
    Mutant(
        "a partition held back by its own attempts, which wait for its checkpoint",
        process.KeyedProcess,
        "_wait_for_room",
        "await self._checkpoint(owned)",
        "pass",
        kind=PairSchedule,
    ),
    Mutant(
        "memberships of who was erased",
        detect.Detect,
        "on_erase",
        "out.extend(forgotten(state))",
        "pass",
        kind=PairSchedule,
    ),
    Mutant(
        "a sweep that passes those by who are not stored yet",
        process.KeyedProcess,
        "_sweep",
        "not partition.wants_sweep",
        "partition.swept == partition._definitions",
        kind=PairSchedule,
    ),
    Mutant(
        "a sweep that is noted when it begins",
        process.KeyedProcess,
        "_sweep",
        "await self._append(owned, [self._encoder.touch(partition, each) for each in customers])",
        "await self._append(owned, [self._encoder.touch(partition, each) for each in customers]); "
        "partition.note_sweep()",
        kind=PairSchedule,
    ),
    Mutant(
        "a touch that makes somebody of whom nothing is known",
        engine.Engine,
        "_on_touch",
        "return UNTRACKED",
        "pass",
        kind=PairSchedule,
    ),
    Mutant(
        "memberships that are not told where a deploy has changed them",
        engine.Engine,
        "_adopt_derived",
        "tell_again(state, ruleset, out, begin)",
        "pass",
        kind=PairSchedule,
    ),
)


class Mutated(Protocol):
    """What lacks a point of what is written: by its name, and how the source is edited."""

    name: str
    edits: list[Edit]


@contextmanager
def mutated(mutant: Mutated) -> Iterator[None]:
    """Put *mutant* in the place of the methods that it mutates."""
    originals = [(edit, getattr(edit.owner, edit.method)) for edit in mutant.edits]
    try:
        for edit, original in originals:
            setattr(edit.owner, edit.method, _edited(mutant.name, edit, original))
        yield
    finally:
        for edit, original in originals:
            setattr(edit.owner, edit.method, original)


def _edited(name: str, edit: Edit, original: Any) -> Any:
    source = textwrap.dedent(inspect.getsource(original))
    assert source.count(edit.old) == 1, f"{name}: the code to mutate has changed"
    code = "from __future__ import annotations\n" + source.replace(edit.old, edit.new)
    names: dict[str, Any] = dict(original.__globals__)
    exec(compile(code, f"<{name}>", "exec"), names)  # noqa: S102 - our own source, edited
    return names[edit.method]
