"""What an event goes through is compiled, also when it moves to a module of its own."""

from __future__ import annotations

import ast
from pathlib import Path

from hatch_build import COMPILED

ROOT = Path(__file__).parents[2]
ROOMS = ("triggerstream.core.detection", "triggerstream.core.derive", "triggerstream.core.patterns")
PLAIN = {
    "triggerstream.core.detection.failed": "msgspec decodes what it holds",
    "triggerstream.core.derive.arrange": "asked when a ruleset is read",
    "triggerstream.core.derive.calendar.customer_zone": "asked where an event says a place",
    "triggerstream.core.derive.calendar.dates": "asked once a day",
    "triggerstream.core.derive.kept": "asked when a ruleset is read",
    "triggerstream.core.derive.numbers": "looked up where a condition names one",
    "triggerstream.core.derive.reads": "asked when a ruleset is read",
}
"""Modules that stay in Python, and why."""


def imported_by(module: str) -> set[str]:
    """Return the modules from which *module* imports, or that it imports from their package."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    found: set[str] = set()
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and each.module is not None:
            if (ROOT / each.module.replace(".", "/")).is_dir():
                found.update([f"{each.module}.{name.name}" for name in each.names])
            else:
                found.add(each.module)
    return found


def test_what_compiled_modules_of_the_engine_import_of_it_is_compiled() -> None:
    found = {
        each
        for module in COMPILED
        if module.startswith("triggerstream.core")
        for each in imported_by(module)
        if each.startswith(ROOMS)
    }

    assert found - {*COMPILED} == {*PLAIN}


KEYWORDS = ("alignof", "asm", "attribute", "complex", "const", "extension", "imag", "inline",
            "label", "real", "restrict", "signed", "thread", "typeof", "volatile")  # fmt: skip
"""With two underscores before them they are C's: so compiled attributes have not one before them.
"""


def test_no_attribute_of_a_compiled_class_becomes_a_keyword_of_c() -> None:
    for module in COMPILED:
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        names = {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
        assert not names.intersection([f"_{word}" for word in KEYWORDS]), module
