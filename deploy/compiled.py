"""A checkout whose package is the compiled one: ``python -m deploy.compiled COMMAND ARGUMENT...``

The wheel is built as anybody would build it, and unpacked into ``build/compiled``, beside links to
all else of the checkout. There the command runs, in ``build/compiled`` and with it on Python's
path, and imports what is in the wheel. It is built again when what it is made of has changed.

With ``--if-possible`` the command does not run where nothing can be compiled, and we say so; where
``CI`` is set, that is a failure all the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hatch_build import SWITCH, BuildError, find_compilers

ROOT = Path(__file__).resolve().parents[1]
COMPILED = ROOT / "build" / "compiled"
PACKAGE = "triggerstream"
STAMP = "made-of"
"""The file in it that says what it was made of."""
USAGE = "usage: python -m deploy.compiled [--if-possible] COMMAND [ARGUMENT...]"


def main(arguments: Sequence[str]) -> int:
    """Run the command in *arguments*, and return what it exits with."""
    if_possible, *command = arguments if arguments[:1] == ["--if-possible"] else ["", *arguments]
    if not command or command[0].startswith("-"):
        _say(USAGE)
        return 2
    try:
        find_compilers()
    except BuildError as missing:
        _say(f"not run with a compiled engine: {missing}")
        return 0 if if_possible and not os.environ.get("CI") else 1
    make(COMPILED)
    path = os.pathsep.join(filter(None, (str(COMPILED), os.environ.get("PYTHONPATH"))))
    return subprocess.call(command, cwd=COMPILED, env={**os.environ, "PYTHONPATH": path})


def make(there: Path) -> None:
    """Make *there* a checkout with a compiled package, unless it is one of what is here now."""
    made_of = _digest()
    stamp = there / STAMP
    if stamp.exists() and stamp.read_text(encoding="utf-8") == made_of:
        return
    _say(f"compiling the engine into {there.relative_to(ROOT)}")
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir(parents=True)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*build, "--no-deps", "--no-build-isolation", "--wheel-dir", str(there), str(ROOT)],
        env={**os.environ, SWITCH: "1"},
        check=True,
    )
    (wheel,) = there.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(there)
    for each in ROOT.iterdir():
        if each.name == ".venv" or not each.name.startswith((".", PACKAGE, there.parent.name)):
            (there / each.name).symlink_to(os.path.relpath(each, there))
    stamp.write_text(made_of, encoding="utf-8")


def _digest() -> str:
    """Return the digest of all that the wheel is made of, and with."""
    digest = hashlib.sha256(sys.version.encode())
    files = [path for path in (ROOT / PACKAGE).rglob("*") if path.is_file()]
    for path in sorted([*files, *map(ROOT.joinpath, ("hatch_build.py", "pyproject.toml"))]):
        if path.suffix != ".pyc":
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
