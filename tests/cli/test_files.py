"""The commands over files: `validate`, `test`, `replay`, and `deploy` before it connects."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CART, TEST, Run
from triggerstream.authoring.files import read_files
from triggerstream.cli.deploy import Review
from triggerstream.core.rulesets.ruleset import load_ruleset

EVENT = '{"customer_id": "c1", "event_type": "add_to_cart", "timestamp": "2026-01-05T10:00:00Z"}\n'
WRONG = """\
trigger: wrong
prioritty: high
when:
  sequence:
    - event: a
    - absent: b
      for: soon
  within: 0h
limits: {cooldown: 1}
"""


MAIL = """\
trigger: mail
when: {event: seen}
then: [{email: {template: hello}}]
"""


def write_template(triggers: Path, text: str) -> Path:
    """Let a trigger send a template with this text; return the text's file."""
    (triggers / "mail.yaml").write_text(MAIL)
    template = triggers / "templates" / "hello"
    template.mkdir(parents=True)
    (template / "subject.liquid").write_text("Hello {{ customer.id }}\n")
    (template / "text.liquid").write_text(text)
    return template / "text.liquid"


class TestExpand:
    def test_triggers_are_printed_as_what_they_stand_for(self, run: Run, triggers: Path) -> None:
        (triggers / "cart.yaml").write_text(
            "{trigger: cart, when: {event: add, debounce: 5s}, if: {use: vip}}\n---\n"
            "{condition: vip, is: {profile.tier: {equals: gold}}}\n"
        )
        (triggers / "cart.test.yaml").unlink(missing_ok=True)

        ran = run("validate", triggers, "--expand")

        assert (ran.code, ran.out) == (
            0,
            (
                "trigger: cart\n"
                "when:\n"
                "  sequence:\n"
                "  - {event: add}\n"
                "  - {absent: add, for: 5s}\n"
                "  within: 1d\n"
                "  restart: on_repeat\n"
                "if:\n"
                "  profile.tier: {equals: gold}\n"
            ),
        )

    def test_nothing_is_printed_of_what_is_wrong(self, run: Run, triggers: Path) -> None:
        (triggers / "wrong.yaml").write_text(WRONG)

        ran = run("validate", triggers, "--expand")

        assert ran.code == 1
        assert "trigger: cart" not in ran.out

    def test_it_prints_yaml_or_json(self, run: Run, triggers: Path) -> None:
        assert run("validate", triggers, "--expand", "--json").code == 2


class TestTemplates:
    UNKNOWN = "Hello,\n{{ costumer.id }}\n"

    @pytest.mark.parametrize(
        "command", [("validate",), ("deploy",), ("worker", "--triggers"), ("replay", "--triggers")]
    )
    def test_a_variable_that_no_template_has_is_told_with_its_place(
        self, run: Run, triggers: Path, command: tuple[str, ...]
    ) -> None:
        file = write_template(triggers, self.UNKNOWN)

        ran = run(*command, triggers, *(["-"] if command[0] == "replay" else []))

        assert ran.code == 1
        assert f"{file}:2:4: a variable begins with one of customer, " in ran.out + ran.err
        assert "(did you mean 'customer'?)" in ran.out + ran.err

    LACKED = "Hello,\n{{ profile.first_name }}\n"

    @pytest.mark.parametrize(
        "command", [("validate",), ("deploy",), ("worker", "--triggers")], ids=lambda each: each[0]
    )
    def test_what_customers_may_lack_is_not_put_in_force(
        self, run: Run, triggers: Path, command: tuple[str, ...]
    ) -> None:
        file = write_template(triggers, self.LACKED)

        ran = run(*command, triggers)

        assert ran.code == 1
        assert f"{file}:2:4: a default, or a condition of the trigger 'mail'" in ran.out + ran.err

    def test_what_customers_may_lack_is_sound_with_a_default(
        self, run: Run, triggers: Path
    ) -> None:
        write_template(triggers, "Hello, {{ profile.first_name | default: 'you' }}\n")

        assert run("validate", triggers).code == 0

    def test_what_is_in_force_is_loaded_all_the_same(self, triggers: Path) -> None:
        write_template(triggers, self.LACKED)

        assert load_ruleset(read_files(triggers), version=1).triggers.keys() >= {"mail"}


class TestValidate:
    def test_right_files_have_no_problems(self, run: Run, triggers: Path) -> None:
        ran = run("validate", triggers)

        assert (ran.code, ran.out, ran.err) == (0, "", "1 trigger, 1 test: no problems\n")

    def test_what_was_seen_is_counted_over_all_paths(self, run: Run, triggers: Path) -> None:
        write_template(triggers, "Hello\n")
        (triggers / "policy.yaml").write_text("expiry: 1d\n")

        ran = run("validate", triggers, triggers / "cart.yaml")

        assert ran.err == "3 triggers, 1 template, 1 policy, 1 test: no problems\n"

    def test_what_has_a_name_is_counted_and_what_a_score_stands_for_is_not(
        self, run: Run, triggers: Path
    ) -> None:
        (triggers / "names.yaml").write_text(
            "{attribute: n, count: a}\n---\n{value: v, number: 3}\n---\n"
            "{segment: s, is: {profile.n: {greater_than: {value: v}}}}\n---\n"
            "{trigger: t, when: {score: churn, above: 0.5}}\n"
        )

        ran = run("validate", triggers)

        assert ran.err == "2 triggers, 1 attribute, 1 segment, 1 value, 1 test: no problems\n"

    @pytest.mark.parametrize("name", ["events.jsonl", "text.liquid"])
    def test_a_file_of_another_kind_is_not_right(self, run: Run, triggers: Path, name: str) -> None:
        (triggers / name).write_text("{}")

        ran = run("validate", triggers / name)

        assert ran.code == 1
        assert ran.out.endswith(f"or a directory of them; found {name!r}\n")

    @pytest.mark.parametrize(
        "text", ["", "# later\n\n---\n  # much later\n", "--- ~\n", "null  # yet"]
    )
    def test_a_file_that_says_nothing_is_not_right(
        self, run: Run, triggers: Path, text: str
    ) -> None:
        (triggers / "more.yaml").write_text(text)
        (triggers / "more.test.yaml").write_text(text)
        (triggers / "policy.yaml").write_text(text)

        assert run("validate", triggers).out.splitlines() == [
            f"{triggers / 'more.yaml'}:1:1: a trigger, beginning with 'trigger:'; found nothing",
            (
                f"{triggers / 'more.test.yaml'}:1:1: a list of tests, each beginning with "
                "'- test:'; found nothing"
            ),
        ]

    def test_a_test_names_segments_that_there_are(self, run: Run, triggers: Path) -> None:
        (triggers / "more.yaml").write_text(
            "{segment: busy, is: {count: view, at_least: 2, within: 1h}}"
        )
        text = (
            "- test: t\n  events: []\n  only: [busy]\n"
            "  expect: [{segment: bussy, change: entered, customer: c, at: 1h}]\n"
        )
        (triggers / "more.test.yaml").write_text(text)

        ran = run("validate", triggers)

        place = triggers / "more.test.yaml"
        assert ran.out.splitlines() == [
            (
                f"{place}:4:22: a segment of this directory; found 'bussy': there is no such "
                "segment; did you mean 'busy'?"
            ),
        ]

    def test_a_directory_has_the_templates_that_it_names(self, run: Run, triggers: Path) -> None:
        (triggers / "mail.yaml").write_text(MAIL)

        ran = run("validate", triggers)

        assert ran.code == 1
        assert "one of those in templates/ (there are none); found 'hello': make " in ran.out
        assert run("validate", triggers / "mail.yaml").code == 0

    def test_a_test_names_triggers_that_there_are(self, run: Run, triggers: Path) -> None:
        text = TEST.replace("trigger: cart-abandonment", "trigger: nosuch")
        (triggers / "cart.test.yaml").write_text(text + "  only: [cart-abandonmnt]\n")

        ran = run("validate", triggers)

        place = triggers / "cart.test.yaml"
        assert ran.out.splitlines() == [
            f"{place}:6:17: a trigger of this directory; found 'nosuch': there is no such trigger",
            (
                f"{place}:7:10: a trigger of this directory; found 'cart-abandonmnt': there is no "
                "such trigger; did you mean 'cart-abandonment'?"
            ),
        ]
        assert run("validate", place).code == 0
        assert run("test", place).code == 1


class TestEvents:
    """`validate --events`: triggers beside what the events hold."""

    WARNED = (
        "cart.yaml:4:14: event: a type that the events have; found 'add_to_cart' in none of 1: "
    )

    def log(self, triggers: Path, event_type: str) -> Path:
        path = triggers / "e.jsonl.gz"
        line = EVENT.replace("add_to_cart", event_type)
        path.write_bytes(gzip.compress(f"nonsense\n\n{line}".encode()))
        return path

    def test_a_type_that_never_comes_is_a_warning_and_no_problem(
        self, run: Run, triggers: Path
    ) -> None:
        log = self.log(triggers, "added_to_cart")

        ran = run("validate", triggers, "--events", log)

        assert (ran.code, ran.out) == (0, "")
        first, second, third, last = ran.err.splitlines()
        assert first == f"{log}: 1 line passed over: no events"
        assert second == f"{triggers}/{self.WARNED}did you mean 'added_to_cart'? [unknown_type]"
        assert "absent: a type that the events have; found 'purchase'" in third
        assert last == "1 trigger, 1 test: no problems, 2 warnings"

    def test_strict_makes_warnings_fail(self, run: Run, triggers: Path) -> None:
        log = self.log(triggers, "added_to_cart")

        assert run("validate", triggers, "--events", log, "--strict").code == 1
        assert run("validate", triggers, "--strict").code == 0

    def test_warnings_are_told_as_json_with_their_code(self, run: Run, triggers: Path) -> None:
        log = self.log(triggers, "added_to_cart")

        first, _ = json.loads(run("validate", triggers, "--json", "--events", log).out)

        assert (first["severity"], first["code"]) == ("warning", "unknown_type")
        assert (first["line"], first["col"]) == (4, 14)

    def test_of_no_events_nothing_is_said(self, run: Run, triggers: Path) -> None:
        (triggers / "e.jsonl").write_text("\n")

        ran = run("validate", triggers, "--events", triggers / "e.jsonl")

        assert ran.code == 0
        assert "no events, so nothing can be said" in ran.err

    def test_every_problem_of_every_file_is_told_at_once(self, run: Run, triggers: Path) -> None:
        (triggers / "wrong.yaml").write_text(WRONG)
        (triggers / "wrong.test.yaml").write_text("- test: x\n")
        (triggers / "more.yaml").write_text("trigger: more\n")

        ran = run("validate", triggers)

        assert ran.code == 1
        lines = ran.out.splitlines()
        assert ran.err == f"{len(lines)} problems\n"
        for place in ("wrong.yaml:2:", "wrong.yaml:7:", "wrong.yaml:8:", "wrong.yaml:9:"):
            assert any(line.startswith(str(triggers / place)) for line in lines), place
        assert any(line.startswith(str(triggers / "more.yaml:1:")) for line in lines)
        assert any(line.startswith(str(triggers / "wrong.test.yaml:1:")) for line in lines)

    def test_problems_are_told_as_json(self, run: Run, triggers: Path) -> None:
        (triggers / "cart.test.yaml").write_text("- test: x\n  events: []\n")

        ran = run("validate", triggers, "--json")

        assert ran.code == 1
        assert json.loads(ran.out) == [
            {
                "file": str(triggers / "cart.test.yaml"),
                "line": 1,
                "col": 3,
                "message": "the key 'expect'; found none",
            }
        ]

    def test_one_file_may_be_validated_alone(self, run: Run, triggers: Path) -> None:
        (triggers / "wrong.yaml").write_text(WRONG)

        assert run("validate", triggers / "cart.yaml").code == 0

    def test_a_path_to_nothing_is_an_error_of_usage(self, run: Run, tmp_path: Path) -> None:
        ran = run("validate", tmp_path / "none")

        assert ran.code == 2
        assert ran.err.endswith("a directory of trigger files, or one file; found nothing\n")


class TestSchemas:
    """`validate` of what is asked of events."""

    def test_they_are_counted_and_a_broken_one_is_a_problem(self, run: Run, triggers: Path) -> None:
        (triggers / "schemas").mkdir()
        (triggers / "schemas/purchase.json").write_text("{}")
        assert run("validate", triggers).err == "1 trigger, 1 schema, 1 test: no problems\n"

        (triggers / "schemas/add_to_cart.json").write_text('{"type": 5}')
        ran = run("validate", triggers)
        assert ran.code == 1
        assert ran.out.startswith(f"{triggers}/schemas/add_to_cart.json:1:2: type: one of array")

    def test_what_does_not_fit_is_a_warning(self, run: Run, triggers: Path) -> None:
        (triggers / "schemas.yaml").write_text("types: {purchse: {sources: server}}\n")

        ran = run("validate", triggers)

        assert (ran.code, ran.out) == (0, "")
        first, last = ran.err.splitlines()
        assert first.startswith(f"{triggers}/schemas.yaml:1:9: types: a type that a trigger names")
        assert first.endswith("did you mean 'purchase'? [unknown_type]")
        assert last == "1 trigger, 1 test: no problems, 1 warning"
        assert run("validate", triggers, "--strict").code == 1


class TestTest:
    def test_a_test_that_passes_is_one_line(self, run: Run, triggers: Path) -> None:
        ran = run("test", triggers)

        place = triggers / "cart.test.yaml"
        assert ran.code == 0
        assert ran.out == f"ok     {place}:1: fires an hour after the last cart event\n"
        assert ran.err == "1 passed, 0 failed\n"

    def test_a_test_that_fails_shows_what_was_expected_and_what_came(
        self, run: Run, triggers: Path
    ) -> None:
        (triggers / "cart.yaml").write_text(CART.replace("1h", "2h"))

        ran = run("test", triggers)

        assert ran.code == 1
        assert ran.out.startswith("FAILED ")
        assert "- firing cart-abandonment for c1 at 1h\n" in ran.out
        assert "+ firing cart-abandonment for c1 at 2h\n" in ran.out

    def test_what_came_late_or_again_is_told_where_a_test_fails(
        self, run: Run, triggers: Path
    ) -> None:
        (triggers / "cart.test.yaml").write_text("""\
- test: not in order
  events:
    - {at: 5m, customer: c1, event: seen}
    - {at: 1m, customer: c1, event: add_to_cart, id: a}
    - {at: 6m, customer: c1, event: add_to_cart, id: a}
  until: 3h
  expect:
    - {trigger: cart-abandonment, at: 1h1m, customer: c1}
""")

        ran = run("test", triggers)

        place = triggers / "cart.test.yaml"
        assert f"{place}:4: the event came late: more than allowed_lateness (10s) behind" in ran.out
        assert f"{place}:5: the event came again: its id is known" in ran.out

    def test_another_order_is_said_to_be_one(self, run: Run, triggers: Path) -> None:
        expect = [f"    - {{trigger: cart-abandonment, at: 1h, customer: c{n}}}" for n in (2, 1)]
        events = "".join(f"    - {{at: 0m, customer: c{n}, event: add_to_cart}}\n" for n in (1, 2))
        text = f"- test: two\n  events:\n{events}  until: 3h\n  expect:\n"
        (triggers / "cart.test.yaml").write_text(text + "\n".join(expect))

        ran = run("test", triggers)

        assert ran.code == 1
        assert ran.out.splitlines()[1:] == [
            "         the decisions are those expected, in another order: the log's is",
            "           firing cart-abandonment for c1 at 1h",
            "           firing cart-abandonment for c2 at 1h",
        ]

    def test_one_file_of_tests_is_about_the_triggers_beside_it(
        self, run: Run, triggers: Path
    ) -> None:
        (triggers / "other.test.yaml").write_text("- wrong")

        assert run("test", triggers / "cart.test.yaml").code == 0

    def test_results_are_told_as_json(self, run: Run, triggers: Path) -> None:
        [result] = json.loads(run("test", triggers, "--json").out)

        assert (result["ok"], result["line"], result["diff"]) == (True, 1, [])

    SEEN = """\
- test: is greeted
  events:
    - {at: 0m, customer: c1, event: identify, data: {email: c1@example.com}}
    - {at: 0m, customer: c1, event: seen}
  expect:
    - {trigger: mail, at: 0m, customer: c1}
"""

    def test_messages_that_were_rendered_are_counted(self, run: Run, triggers: Path) -> None:
        write_template(triggers, "Hello\n")
        (triggers / "mail.test.yaml").write_text(self.SEEN)

        assert run("test", triggers).err == "2 passed, 0 failed; 1 message rendered\n"

    def test_a_template_that_prints_what_a_customer_lacks_fails_and_says_where(
        self, run: Run, triggers: Path
    ) -> None:
        file = write_template(triggers, "Hello,\n{{ profile.first_name }}\n")
        (triggers / "mail.test.yaml").write_text(self.SEEN)

        ran = run("test", triggers)

        place = triggers / "mail.test.yaml"
        assert (ran.code, ran.err) == (1, "1 passed, 1 failed\n")
        assert ran.out.splitlines()[1:] == [
            f"FAILED {place}:1: is greeted",
            (
                f"         {place}:6: the e-mail of mail cannot be rendered: {file}:2:4: "
                "profile.first_name is undefined: give it a default, or ask for it in 'if'"
            ),
        ]
        (triggers / "mail.test.yaml").write_text(
            self.SEEN.replace("{email: c1@example.com}", "{first_name: Ada}")
        )
        assert run("test", triggers).code == 0

    def test_deploy_renders_the_messages_of_the_tests_before(
        self, run: Run, triggers: Path
    ) -> None:
        write_template(triggers, "{{ 'x' | date: '%Y' }}\n")
        (triggers / "mail.test.yaml").write_text(self.SEEN)

        ran = run("deploy", triggers)

        assert ran.code == 1
        assert "the e-mail of mail cannot be rendered" in ran.err
        assert "nothing is deployed" in ran.err

    def test_what_is_shown_of_a_message_cannot_steer_a_terminal(
        self, run: Run, triggers: Path
    ) -> None:
        write_template(triggers, "{{ profile.email }}\n")
        text = self.SEEN.replace("c1@example.com", '"\\e[31m"')
        text = text.replace("0m, customer: c1}\n", "0m, customer: c1, email: {contains: x}}\n")
        (triggers / "mail.test.yaml").write_text(text)

        ran = run("test", triggers)

        assert "\x1b" not in ran.out
        assert "           \\x1b[31m\n" in ran.out

    def test_no_tests_is_an_error_of_usage(self, run: Run, triggers: Path) -> None:
        (triggers / "cart.test.yaml").unlink()

        assert run("test", triggers).code == 2

    def test_a_wrong_fixture_is_told_with_its_place(self, run: Run, triggers: Path) -> None:
        (triggers / "cart.test.yaml").write_text("- tst: x\n  events: []\n  expect: []\n")

        ran = run("test", triggers)

        assert ran.code == 1
        assert f"{triggers / 'cart.test.yaml'}:1:3: " in ran.err


class TestReplay:
    @pytest.mark.covers("A17")
    def test_decisions_are_lines_of_json_on_stdout(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "e.jsonl").write_text(EVENT)

        ran = run(
            *("replay", "--triggers", triggers, tmp_path / "e.jsonl"),
            *("--until", "2026-01-05T11:00:00Z"),
        )

        assert ran.code == 0
        [firing] = map(json.loads, ran.out.splitlines())
        assert (firing["kind"], firing["at"]) == ("firing", "2026-01-05T11:00:00.000Z")
        assert ran.err == "events: 1 applied\n"

    def test_a_compressed_log_gives_the_same(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        later = EVENT.replace("T10", "T12").replace("c1", "c2")
        (tmp_path / "e.jsonl").write_text(EVENT + later)
        (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress((EVENT + later).encode()))

        plain = run("replay", "--triggers", triggers, tmp_path / "e.jsonl")

        assert plain.out != ""
        assert run("replay", "--triggers", triggers, tmp_path / "e.jsonl.gz") == plain

    @pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
    def test_several_processes_print_what_one_prints(
        self, run: Run, triggers: Path, tmp_path: Path, name: str
    ) -> None:
        events = [
            EVENT.replace("c1", f"c{number % 7}").replace("T10:00", f"T1{number // 20}:{number:02}")
            for number in range(60)
        ]
        bad = EVENT.replace("c1", "bot").replace("2026", "2099")
        text = "".join([*events[:30], "nonsense\n\n", bad, *events[30:]]).encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        command = ["replay", "--triggers", triggers, tmp_path / name]
        options = ["--until", "2026-01-05T16:00:00Z", "--max-gap", "30m"]

        one = run(*command, *options, "--jobs", "1")

        assert one.code == 1
        assert f"{name}:31: bad_json" in one.err
        assert "1 clamped" in one.err
        assert len(one.out.splitlines()) > 10
        assert run(*command, *options, "--jobs", "2") == one
        assert run(*command, *options, "--jobs", "3") == one
        assert run(*command, *options) == one

    def test_stdin_is_not_for_several_processes(self, run: Run, triggers: Path) -> None:
        ran = run("replay", "--triggers", triggers, "-", "--jobs", "2")

        assert ran.code == 2
        assert "--jobs: required is a file" in ran.err

    def test_lines_that_are_no_events_are_findings_and_the_rest_is_decided(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "e.jsonl"
        log.write_text("nonsense\n\n" + EVENT)

        ran = run("replay", "--triggers", triggers, log, "--until", "2026-01-05T12:00:00Z")

        assert ran.code == 1
        assert len(ran.out.splitlines()) == 1
        assert ran.err.startswith(f"{log}:1: bad_json: ")
        assert ran.err.endswith("events: 1 applied, 1 rejected\n")

    def test_of_complaints_of_one_kind_the_first_ten_are_said_and_then_their_number(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "e.jsonl"
        log.write_text("nonsense\n" * 1362 + "{}\n" * 10 + EVENT)

        ran = run("replay", "--triggers", triggers, log)

        said = ran.err.splitlines()
        assert ran.code == 1
        assert sum("bad_json: " in line for line in said) == 10
        assert sum("missing_field: " in line for line in said) == 10
        assert said[-2:] == [
            "and 1,352 more like it: bad_json",
            "events: 1 applied, 1372 rejected",
        ]

    def test_nothing_of_a_log_can_steer_the_terminal(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        evil = "\x1b]0;owned\x07\x9b2J\u202e\n"
        event = json.loads(EVENT)
        changes: list[dict[str, Any]] = [
            *({name: evil} for name in ("timestamp", "received_at", "event_data")),
            {"received_at": [evil]},
            {evil: 1, "customer_id": [evil]},
            {"customer_id": None, "specversion": evil},
        ]
        log = tmp_path / "e.jsonl"
        log.write_text("".join(json.dumps(event | change) + "\n" for change in changes))

        ran = run("replay", "--triggers", triggers, log)

        assert len(ran.err.splitlines()) == 7
        assert ran.err.replace("\n", "").isprintable()

    def test_a_table_is_told_with_what_reads_it(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "e.csv"
        log.write_text("customer_id,event_type\nc1,view\n")

        ran = run("replay", "--triggers", triggers, log)

        assert ran.code == 2
        assert ran.err == (
            f"triggerstream: {log}: required is an event a line; found a table (CSV): "
            "triggerstream send reads it, with --map\n"
        )

    @pytest.mark.parametrize(
        ("option", "value"),
        [("--until", "tomorrow"), ("--until", "2026-01-05"), ("--max-gap", "long")],
    )
    def test_an_option_that_says_nothing_is_an_error_of_usage(
        self, run: Run, triggers: Path, option: str, value: str
    ) -> None:
        ran = run("replay", "--triggers", triggers, "-", option, value)

        assert ran.code == 2
        assert ran.err.startswith(f"triggerstream: {option}: ")
        assert value in ran.err

    def test_a_jump_beyond_the_largest_gap_is_told(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "e.jsonl"
        log.write_text(EVENT + EVENT.replace("T10", "T12"))

        ran = run("replay", "--triggers", triggers, log, "--max-gap", "1h")

        assert ran.err == "events: 2 applied, 1 clamped by --max-gap\n"

    def test_wrong_triggers_are_told_with_their_places(
        self, run: Run, triggers: Path, tmp_path: Path
    ) -> None:
        (triggers / "wrong.yaml").write_text(WRONG)

        ran = run("replay", "--triggers", triggers, "-")

        assert ran.code == 1
        assert f"{triggers / 'wrong.yaml'}:2:1: " in ran.err


class TestDeploy:
    def test_wrong_triggers_are_not_published(self, run: Run, triggers: Path) -> None:
        (triggers / "wrong.yaml").write_text(WRONG)

        ran = run("deploy", triggers)

        assert ran.code == 1
        assert f"{triggers / 'wrong.yaml'}:2:1: " in ran.err

    @pytest.mark.parametrize("command", [("deploy",), ("worker", "--triggers")])
    def test_one_file_does_not_take_the_place_of_all_others(
        self, run: Run, triggers: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
    ) -> None:
        monkeypatch.setenv("TRIGGERSTREAM_KAFKA__PARTITIONS", "many")  # ends it before Kafka

        ran = run(*command, triggers / "cart.yaml")

        assert (ran.code, ran.out) == (2, "")
        assert ran.err.endswith("the place of all that is; found one file\n")

    def test_triggers_whose_tests_fail_are_not_published(self, run: Run, triggers: Path) -> None:
        (triggers / "cart.yaml").write_text(CART.replace("1h", "2h"))

        ran = run("deploy", triggers)

        assert (ran.code, ran.out) == (1, "")
        assert "- firing cart-abandonment for c1 at 1h" in ran.err
        assert ran.err.endswith(
            "0 passed, 1 failed\nnothing is deployed; --no-test deploys all the same\n"
        )

    def test_tests_are_left_out_where_that_is_wished(
        self, run: Run, triggers: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRIGGERSTREAM_KAFKA__PARTITIONS", "many")  # ends it before Kafka
        (triggers / "cart.yaml").write_text(CART.replace("1h", "2h"))

        ran = run("deploy", triggers, "--no-test")

        assert ran.code == 2
        assert "passed" not in ran.err

    @pytest.mark.parametrize("options", [(), ("--no-test",)])
    def test_tests_that_cannot_be_read_are_not_published(
        self, run: Run, triggers: Path, options: tuple[str, ...]
    ) -> None:
        (triggers / "cart.test.yaml").write_text(TEST.replace("cart-abandonment", "nosuch"))

        ran = run("deploy", triggers, *options)

        assert ran.code == 1
        assert "there is no such trigger" in ran.err


class TestReview:
    """What `deploy` says of the ruleset in force."""

    def test_what_changes_is_told_and_published(self, capsys: pytest.CaptureFixture[str]) -> None:
        coming = load_ruleset({"t.yaml": CART.replace("1h", "2h")})

        assert Review()(load_ruleset({"t.yaml": CART}, version=7), coming)
        assert capsys.readouterr().err == (
            "~ trigger cart-abandonment: when changed; it starts anew: progress and open waits are "
            "lost\n"
        )

    def test_what_is_in_force_is_not_published_again(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        review = Review()

        assert not review(load_ruleset({"t.yaml": CART}, version=7), load_ruleset({"t.yaml": CART}))
        assert review.is_same
        assert capsys.readouterr().err == ""

    def test_a_comment_is_published(self, capsys: pytest.CaptureFixture[str]) -> None:
        coming = load_ruleset({"t.yaml": f"# later\n{CART}"})

        assert Review()(load_ruleset({"t.yaml": CART}, version=7), coming)
        assert capsys.readouterr().err == (
            "only comments, layout or tests changed: customers keep everything\n"
        )

    def test_the_first_ruleset_is_all_new(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert Review()(None, load_ruleset({"t.yaml": CART}))
        assert capsys.readouterr().err == "+ trigger cart-abandonment\n"
