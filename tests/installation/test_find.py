"""Which installation a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from triggerstream.errors import UnreachableError, UsageError
from triggerstream.installation.find import find_installation, home_of
from triggerstream.installation.kafka import KafkaInstallation
from triggerstream.installation.local import LocalInstallation
from triggerstream.ops.settings import BOOTSTRAP, load_settings
from triggerstream.stream.kafka.reach import unreachable
from triggerstream.stream.local.directory import NAME

UNSET = load_settings({})
SET = load_settings({BOOTSTRAP: "broker:9092"})


@pytest.fixture(name="shop")
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an installation; the current one is another, without."""
    (tmp_path / "shop" / NAME).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return Path("shop")


def test_it_is_the_kafka_that_is_set_wherever_the_command_is_called(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)

    assert isinstance(find_installation(SET, None), KafkaInstallation)
    assert isinstance(find_installation(SET, Path(), is_deployed=True), KafkaInstallation)


def test_without_one_it_is_the_directory_that_is_named(shop: Path) -> None:
    found = find_installation(UNSET, shop)

    assert isinstance(found, LocalInstallation)
    assert found.engine == "triggerstream up shop"


def test_without_a_name_it_is_the_current_directory(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)

    assert isinstance(find_installation(UNSET, None), LocalInstallation)


@pytest.mark.parametrize("is_file", [False, True])
def test_a_name_of_no_installation_is_refused(shop: Path, is_file: bool) -> None:
    if is_file:
        Path(NAME).write_text("")

    with pytest.raises(UsageError) as refused:
        find_installation(UNSET, Path())

    assert str(refused.value) == (
        "--dir: required is a directory with an installation, which `triggerstream up .` makes in "
        "its .triggerstream; found '.'"
    )


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        (
            None,
            "and this directory is no local installation: start one by `triggerstream up DIR`, or",
        ),
        (
            Path("new"),
            "and new is no local installation: start one by `triggerstream up new`, or",
        ),
    ],
)
async def test_else_it_is_the_kafka_at_the_default_address_and_both_remedies_are_told(
    shop: Path, monkeypatch: pytest.MonkeyPatch, directory: Path | None, said: str
) -> None:
    found = find_installation(UNSET, directory, is_deployed=directory is not None)
    assert isinstance(found, KafkaInstallation)

    with pytest.raises(UnreachableError) as told, found.talking():
        raise unreachable("127.0.0.1:9092", "nobody listens there")

    assert str(told.value) == (
        "TRIGGERSTREAM_KAFKA__BOOTSTRAP: required are brokers that answer; found 127.0.0.1:9092 "
        "(nobody listens there). It is the default, since TRIGGERSTREAM_KAFKA__BOOTSTRAP is not "
        f"set, {said} set TRIGGERSTREAM_KAFKA__BOOTSTRAP"
    )


@pytest.mark.parametrize(
    ("folders", "deployed", "home"),
    [
        ((), "shop", "shop"),
        ((), "shop/triggers", "shop"),
        (("shop/triggers/.triggerstream",), "shop/triggers", "shop/triggers"),
        ((), "shop/other", "shop/other"),
        ((), "triggers", "triggers"),
    ],
    ids=["a project", "its triggers", "an installation inside", "another folder", "no project"],
)
def test_what_is_deployed_belongs_to_the_project_it_is_in(
    shop: Path, folders: tuple[str, ...], deployed: str, home: str
) -> None:
    for folder in ("shop/triggers", "shop/other", "triggers", *folders):
        Path(folder).mkdir(parents=True, exist_ok=True)

    assert home_of(Path(deployed)) == Path(home)


def test_a_project_is_found_from_among_its_triggers(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "triggers").mkdir()
    monkeypatch.chdir(shop / "triggers")

    assert home_of(Path()).samefile("..")
