"""No template runs away: what it makes is bounded, by counting, before it is made."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.channels.harness import action, firing
from triggerstream.channels.templates import TemplateError, Templates, check_template
from triggerstream.channels.templates.bounds import ITERATIONS, RANGE, VALUE, WORK, size_of
from triggerstream.channels.templates.environment import environment_of

MILLION = "x" * 1_000_000


@pytest.fixture(autouse=True)
def _no_runaway() -> Iterator[None]:
    """Let a bound that does not hold fail its test, and not the machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def render(source: str, part: str = "text", **data: Any) -> str:
    event = msgspec.Raw(msgspec.json.encode({"event_data": data}))
    templates = Templates({"t": {part: source}})
    content = templates.render("t", replace(firing({}), event=event), action())
    return content.text or content.html or ""


def refusal(source: str, part: str = "text", **data: Any) -> str:
    with pytest.raises(TemplateError) as raised:
        render(source, part, **data)
    return str(raised.value)


def again(tag: str, times: int = 40) -> str:
    return tag * times


RUNAWAYS = {
    "a range, joined": "{{ (1..$n) | join: '*' }}",
    "a range, reversed": "{{ (1..$n) | reverse | first }}",
    "a range, counted": "{{ (1..$n) | size }}",
    "a range, kept": "{% assign r = (1..$n) %}{{ r | last }}",
    "a range, searched": "{% if (1..$n) contains 'x' %}x{% endif %}",
    "a range, compared": "{% case (1..$n) %}{% when 1 %}x{% endcase %}",
    "a range, cycled": "{% cycle (1..$n) %}x",
    "a range, an argument": "{{ 'x' | default: (1..$n) | concat: (1..$n) }}",
    "a loop": "{% for i in (1..$n) %}x{% endfor %}",
    "a loop, reversed": "{% for i in (1..$n) reversed %}x{% endfor %}",
    "a table's row": "{% tablerow i in (1..$n) %}x{% endtablerow %}",
    "loops in a loop": "{% for i in (1..100) %}"
    + again("{% for j in (1..100) %}{% endfor %}", 2)
    + "{% endfor %}",
    "append": "{% assign s = 'x' %}" + again("{% assign s = s | append: s %}") + "{{ s | size }}",
    "prepend": "{% assign s = 'x' %}" + again("{% assign s = s | prepend: s %}") + "{{ s }}",
    "replace": "{{ 'aaaaaaaa'" + again("| replace: 'a', 'aaaaaaaaaaaaaaaaaaaa'", 9) + " | size }}",
    "concat": "{% assign l = $list %}" + again("{% assign l = l | concat: l %}") + "{{ l | size }}",
    "split": "{% assign l = $long | split: '' %}{{ l | size }}",
    "join": "{{ $list | join: $half | size }}",
    "uniq": "{{ $list | uniq | size }}",
    "times": "{% assign n = 9 %}" + again("{% assign n = n | times: n %}") + "{{ n }}",
    "filters in a loop": "{% for i in (1..10000) %}{{ $half | upcase | size }}{% endfor %}",
    "output": "{{ $half | newline_to_br }}{{ $half }}",
    "capture": "{% capture c %}{{ $half }}{% endcapture %}",
}


@pytest.mark.parametrize("part", ["text", "html"])
@pytest.mark.parametrize("what", RUNAWAYS)
def test_what_would_run_away_is_refused_at_once_with_little_memory(what: str, part: str) -> None:
    source = RUNAWAYS[what].replace("$", "event.event_data.")
    data = {
        "n": 1_000_000_000,
        "long": MILLION,
        "half": MILLION[:500_000],
        "list": ["x"] * 40_000,
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()

    told = refusal(source, part, **data)

    assert "limited to" in told or "limit reached" in told
    assert f"template t/{part}: line 1: " in told
    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_the_message_names_template_line_and_what_was_exceeded() -> None:
    told = refusal("Hello\n\n{% if true %}\n  {{ (1..20000) | join }}{% endif %}")

    assert told == (
        "template t/text: line 4: a range of numbers is limited to 10,000; found 20,000"
    )


def test_an_error_says_its_place_for_machines_too() -> None:
    with pytest.raises(TemplateError) as raised:
        render("a\n b {{ event.event_data.n | nope }}", n=1)

    error = raised.value
    assert (error.template, error.part, error.line, error.column) == ("t", "text", 2, 28)
    assert error.problem == "unknown filter 'nope'"


def test_a_range_has_its_bound_inside() -> None:
    assert render(f"{{{{ (1..{RANGE}) | size }}}}") == str(RANGE)
    assert "found 10,001" in refusal(f"{{{{ (1..{RANGE + 1}) | size }}}}")
    assert render("{{ (-5..5) | size }}{{ (5..1) | size }}") == "110"


def test_a_range_beyond_64_bits_is_refused_like_any_other() -> None:
    assert "is limited to 10,000; found more" in refusal(
        "{{ (1..event.event_data.n) | size }}", n=10**300
    )


def test_all_loops_of_a_part_share_one_bound() -> None:
    loop = "{% for i in (1..5000) %}{% endfor %}"

    assert render(loop * 2 + "x") == "x"
    assert f"limited to {ITERATIONS:,}; found 15,000" in refusal(loop * 3)


def test_what_a_filter_makes_has_its_bound_inside() -> None:
    assert len(MILLION) == VALUE
    assert render("{{ event.event_data.a | append: '' | size }}", a=MILLION) == "1000000"
    assert "append: the size of what a filter makes is limited to 1,000,000; found 1,000,001" in (
        refusal("{{ event.event_data.a | append: 'x' | size }}", a=MILLION)
    )


def test_what_is_predicted_is_never_less_than_what_is_made() -> None:
    data = {"list": ["ab", "cd", 1, {"x": "y"}], "text": "a-b-c", "amp": "&"}

    for source, part in (
        ("{{ event.event_data.list | join: event.event_data.amp }}", "html"),
        ("{{ event.event_data.text | replace: '-', event.event_data.amp }}", "html"),
        ("{{ event.event_data.text | replace: '', '+' }}", "text"),
        ("{{ event.event_data.text | split: '-' | join }}", "text"),
    ):
        assert render(source, part, **data)


def test_work_is_counted_over_a_whole_part() -> None:
    source = "{% for i in (1..event.event_data.n) %}{{ event.event_data.a | size }}{% endfor %}"
    rounds = WORK // (1_000_000 + 16)

    assert render(source, a=MILLION, n=rounds)
    assert "what all filters take and make is limited to 10,000,000" in refusal(
        source, a=MILLION, n=rounds + 1
    )


@pytest.mark.parametrize(
    "source",
    [
        "{{ event.event_data.a | replace: 'x', sub: event.event_data.a | size }}",
        "{{ event.event_data.list | join: separator: event.event_data.a | size }}",
        "{{ 'x' | append: arg: event.event_data.gone }}",
    ],
)
def test_no_value_gets_past_the_bounds_under_a_name(source: str) -> None:
    data: dict[str, Any] = {"a": MILLION[:500_000], "list": ["x"] * 1000}

    assert "values without names; found" in refusal(source, **data)
    ((_, _, problem),) = check_template("t", "text", source)
    assert "values without names; found" in problem


def test_the_one_name_that_a_filter_knows_may_be_said() -> None:
    source = "{{ false | default: 'x', allow_false: true }}"

    assert check_template("t", "text", source) == []
    assert render(source) == "false"


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("abc", 3),
        (12, 16),
        (None, 16),
        (["ab", "c"], 16 + 18 + 17),
        ({"k": ["v"]}, 16 + 17 + 16 + 17),
        ((), 16),
    ],
)
def test_the_size_of_a_value_counts_all_that_is_in_it(value: object, size: int) -> None:
    assert size_of(value) == size


def test_a_size_is_not_counted_to_its_end_where_it_is_too_big_already() -> None:
    class Endless(list[str]):
        def __iter__(self) -> Any:
            while True:
                yield "x"

    assert size_of(Endless(), 1000) > 1000


def test_every_filter_is_within_bounds() -> None:
    for part in ("text", "html"):
        for name, each in environment_of(part).filters.items():
            assert getattr(each, "with_context", False), name
            assert each.__qualname__.startswith("bounded."), name


def test_there_is_nothing_to_include_and_so_nothing_that_includes_itself() -> None:
    assert {"include", "render"}.isdisjoint(environment_of("text").tags)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("{{" + " " * 100_000, id="blanks"),
        pytest.param("{{ 'a' }}{{" + " " * 100_000 + "}}", id="blanks, closed"),
        pytest.param("{%-" + "\n" * 100_000 + "assign a = 1 %}", id="lines"),
        pytest.param("{{ 'a'" + " " * 100_000 + "-}}", id="blanks at the end"),
        pytest.param("{% raw %}" * 20_000, id="raw"),
        pytest.param("{%- doc -%}" * 15_000, id="doc"),
        pytest.param("{% if x %}" * 15_000, id="nested"),
        pytest.param("{% if a" + " and a" * 20_000 + " %}{% endif %}", id="long condition"),
        pytest.param("{{ a" + "[a" * 20_000 + "]" * 20_000 + " }}", id="nested path"),
        pytest.param("x" * 200_001, id="long"),
    ],
)
def test_reading_a_template_takes_no_longer_than_its_text_is_long(source: str) -> None:
    began = time.process_time()

    assert check_template("t", "text", source)
    assert refusal(source)

    assert time.process_time() - began < 2


def test_long_blanks_outside_of_tags_are_nothing_special() -> None:
    blank = " " * 300

    assert check_template("t", "html", f"<p>{blank}{{{{ customer.id }}}}{blank}</p>") == []
    assert render("{% raw %}{{ x }}{% endraw %}" * 3, "html") == "{{ x }}" * 3
