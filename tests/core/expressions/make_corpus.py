"""Make ``corpus.jsonl.gz`` anew, or compare many more cases with Google's evaluator at once.

    python -m tests.core.expressions.make_corpus 6000          # writes the file
    python -m tests.core.expressions.make_corpus 100000 --compare --seed 7

It wants ``cel-expr-python``, which is no dependency: 50 MB for one test. Install it into an
environment of its own, with what this project needs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from random import Random
from typing import Any

from tests.core.expressions import corpus
from tests.core.expressions.trees import Trees, data, ours, theirs

DATA = 60
LONGEST = 1_000
"""Characters of a case; longer ones say no more."""


def google() -> Callable[[str, dict[str, Any]], Any]:
    """Return what answers as the official evaluator does."""
    from cel_expr_python import cel  # noqa: PLC0415 - where it is installed

    env = cel.NewEnv(variables={"event_data": cel.Type.DYN})

    def answer(text: str, values: dict[str, Any]) -> Any:
        # Without its checker: that one refuses "1 == true", which an event may come to.
        value = env.compile(text, True).eval(data={"event_data": values})
        if value.type() == cel.Type.ERROR:
            return corpus.ERROR
        return corpus.as_answer(value.plain_value())

    return answer


def with_integers(value: Any, random: Random) -> Any:
    """Return *value* with whole numbers as JSON may have them, without a point."""
    if isinstance(value, list):
        return [with_integers(each, random) for each in value]
    if isinstance(value, dict):
        return {key: with_integers(each, random) for key, each in value.items()}
    if isinstance(value, float) and value.is_integer() and random.random() < 0.5 and value:
        return int(value)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="write no file")
    asked = parser.parse_args()
    random, answer = Random(asked.seed), google()
    all_data = [data(random) for _ in range(DATA)]
    trees = Trees(random)
    answered: dict[tuple[str, int], Any] = {}
    differing = 0
    integers = [with_integers(each, random) for each in all_data]
    while len(answered) < asked.cases:
        text, number = trees.any(random.choice((1, 2, 3, 4))), random.randrange(DATA)
        if len(text) > LONGEST or (ours(text), number) in answered:
            continue
        said = answer(theirs(text), all_data[number])
        if said == corpus.ERROR and random.random() < 0.5:
            continue  # there are more than enough of them
        answered[ours(text), number] = said
        got = corpus.answer_of(ours(text), integers[number])
        if json.dumps(got, sort_keys=True) != json.dumps(said, sort_keys=True):
            differing += 1
            if differing <= 10:
                print(f"{ours(text)}\n  {said} required; {got} found; {all_data[number]}")  # noqa: T201
    errors = sum(said == corpus.ERROR for said in answered.values())
    print(f"{len(answered)} cases, {errors} of them errors; {differing} differ")  # noqa: T201
    if not asked.compare:
        made = {"by": f"cel-expr-python {version('cel-expr-python')}", "seed": asked.seed}
        corpus.write(made, integers, [(*case, said) for case, said in answered.items()])


if __name__ == "__main__":
    main()
