"""The directory of one installation: what is in it, and whose it is.

===============  ===============================================================================
in DIR           is
===============  ===============================================================================
``LOCK``         held by the process that writes; it holds that one's number
``FORMAT``       the number of this layout
``log.db``       the log (`log.LocalLog`)
``detect/0`` …   the stores of the keyed processes (`rocksdb.stores`)
``token``        what a command shows to be let in by the engine
``engine.json``  where the running engine listens (`Engine`)
``CLOCK``        by how much the machine's clock was ahead of one that nobody sets (`clock`)
``RUN``          which run of a supervisor has put the directory's triggers in force
``MOVED``        where the installation has moved to (`moved.Moved`), if it has
===============  ===============================================================================

Customers' data is in it, so it belongs to one user alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from triggerstream.errors import (
    SettingsError,
    StateFormatError,
    StoreError,
    TriggerstreamError,
)
from triggerstream.stream.local import moved
from triggerstream.stream.local.moved import Moved

NAME: Final = ".triggerstream"
"""The directory's name in the directory of triggers."""
FORMAT: Final = 1

_TRIES: Final = 5
_AGAIN: Final = 0.05
"""Seconds between two tries for the lock: who only asks whose it is holds it for a moment."""


class Engine(msgspec.Struct, frozen=True):
    """Where the running engine listens.

    Attributes:
        health: URL of its health server.
        ingest: URL by which events come in.
        started_at: In RFC 3339.
    """

    pid: int
    health: str
    ingest: str
    started_at: str


class Directory:
    """The installation whose triggers are in *triggers*. Nothing is made before `claim`.

    Attributes:
        path: The installation's own directory.
        log: The log's file.
    """

    def __init__(self, triggers: Path) -> None:
        self.path = triggers / NAME
        self.log = self.path / "log.db"
        self._lock_path = self.path / "LOCK"
        self._format = self.path / "FORMAT"
        self._token = self.path / "token"
        self._engine = self.path / "engine.json"
        self._run = self.path / "RUN"
        self._clock = self.path / "CLOCK"
        self._moved = self.path / moved.NAME
        self._lock: int | None = None

    # ── whose it is ─────────────────────────────────────────────────────────────────────────

    def claim(self, *, to_move: bool = False, patience: float = 0.0) -> None:
        """Take the directory for this process until it ends, or `release`; make what is missing.

        Args:
            to_move: Whether it is taken in order to move it, which may have been begun.
            patience: Seconds for which to wait for a command that appends in the engine's place
                (`entrance`), or an engine that stops. One that listens is not waited for.

        Raises:
            SettingsError: Another process has it, which the message names; or it cannot be had.
            StoreError: The disk is full.
            StateFormatError: A newer release has written it.
            WorldChangedError: It has moved, or that was begun: nothing goes on here.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self._lock = self._take_lock(patience)
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            self.hush()  # an engine that was killed could not; ours may have its number
            self._check_format()
            if not to_move:
                self._check_moved()
            if not self._token.exists():
                self._write(self._token, secrets.token_urlsafe(32).encode() + b"\n")
        except OSError as error:
            self.release()
            raise _unusable(self.path, error) from error
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the directory back. Idempotent."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    @property
    def is_held(self) -> bool:
        """Whether this process has it: also whether it is still the directory that was taken."""
        if self._lock is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._lock), self._lock_path.stat())
        except OSError:
            return False

    def owner(self) -> int | None:
        """Return the number of the process that has the directory; ``None`` where none has."""
        try:
            lock = os.open(self._lock_path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _number(os.read(lock, 32)) or 0
        else:
            return None
        finally:
            os.close(lock)

    def check(self) -> None:
        """Look whether this release can read what is here, for who does not claim it.

        Raises:
            StateFormatError: A newer release has written it.
            SettingsError: It is not this user's to read.
        """
        try:
            if self._format.exists():
                self._check_format()
        except OSError as error:
            raise _unusable(self.path, error) from error

    def __enter__(self) -> Self:
        self.claim()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _take_lock(self, patience: float) -> int:
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        tries = 0
        while True:
            tries += 1
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if tries < _TRIES or (tries * _AGAIN < patience and self.engine() is None):
                    time.sleep(_AGAIN)
                    continue
                owner = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
                os.close(lock)
                raise SettingsError(
                    f"{self.path}: required is an installation that no other process runs; found "
                    f"process {owner}, which has it. Stop that one first, or name another directory"
                ) from error
            except OSError:
                os.close(lock)
                raise
        os.ftruncate(lock, 0)
        os.write(lock, b"%d\n" % os.getpid())
        return lock

    def _check_format(self) -> None:
        if not self._format.exists():
            self._write(self._format, b"%d\n" % FORMAT)
            return
        content = self._format.read_bytes()
        found = _number(content)
        if found is None or found > FORMAT:
            said = content[:20].decode(errors="replace").strip() if found is None else str(found)
            raise StateFormatError(
                f"{self._format}: required is format {FORMAT} or older; found {said!r}: a newer "
                "release has written this directory. Start that release again"
            )

    # ── where it has moved to ────────────────────────────────────────────────────────────────

    def moved(self) -> Moved | None:
        """Return where the installation moves to, or has moved to; ``None`` where it stays.

        Raises:
            StateFormatError: What says so cannot be read.
        """
        try:
            return msgspec.json.decode(self._moved.read_bytes(), type=Moved)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise StateFormatError(f"{self._moved}: cannot be read: {error}") from error

    def move_to(self, place: Moved | None) -> None:
        """Note where the installation moves to; ``None``: it stays. Durable when it returns."""
        if place is None:
            self._moved.unlink(missing_ok=True)
        else:
            self._write(self._moved, msgspec.json.encode(place) + b"\n")
        directory = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _check_moved(self) -> None:
        if (place := self.moved()) is not None:
            raise moved.refusal(place, str(self.path))

    # ── what a supervisor's run has done ─────────────────────────────────────────────────────

    def has_begun(self, run: str) -> bool:
        """Return whether *run* has put the triggers in force: an engine that it starts again goes
        on with what is in force by now."""
        try:
            return self._run.read_bytes().strip() == run.encode()
        except OSError:
            return False

    def note_begun(self, run: str) -> None:
        """Note that it has."""
        self._write(self._run, run.encode() + b"\n")

    # ── what is known of the machine's clock ─────────────────────────────────────────────────

    def known_clock(self, boot: str) -> int | None:
        """Return what was noted of the clock since the machine's start *boot*, if anything was."""
        try:
            noted, _, ahead = self._clock.read_text("ascii").strip().partition(" ")
            return int(ahead) if boot and noted == boot else None
        except (OSError, ValueError):
            return None

    def note_clock(self, boot: str, ahead: int) -> None:
        """Note it."""
        self._write(self._clock, f"{boot} {ahead}\n".encode())

    # ── what is told to commands ────────────────────────────────────────────────────────────

    def token(self) -> str:
        """Return the token that lets a command of this user in.

        Raises:
            SettingsError: There is none, or it is not ours to read.
        """
        try:
            return self._token.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            found = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"{self._token}: required is the engine's token; found {found}{_remedy(error)}"
            ) from error

    def tell(self, engine: Engine) -> None:
        """Say where the engine listens. Until then, and after `hush`, nobody is told."""
        self._write(self._engine, msgspec.json.encode(engine) + b"\n")

    def hush(self) -> None:
        """Say it no more. Idempotent."""
        self._engine.unlink(missing_ok=True)

    def engine(self) -> Engine | None:
        """Return where the engine listens; ``None`` where none runs, or it is not ready yet.

        What a killed engine has left is not taken for a running one's.
        """
        owner = self.owner()
        try:
            engine = msgspec.json.decode(self._engine.read_bytes(), type=Engine)
        except (OSError, msgspec.DecodeError):
            return None
        return engine if engine.pid == owner else None

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file that only we may read, whole or not at all."""
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, content)
            os.fsync(file)
        finally:
            os.close(file)
        new.replace(path)


def _number(content: bytes) -> int | None:
    text = content.strip()
    return int(text) if text.isdigit() and len(text) < 10 else None


def _unusable(path: Path, error: OSError) -> TriggerstreamError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"{path}: required is room on the disk; found none")
    return SettingsError(
        f"{path}: required is a directory that this user may write to; found {error.strerror}"
        f"{_remedy(error)}"
    )


def _remedy(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return ". An installation is its user's alone: run this as who runs `triggerstream up`"
    return ""
