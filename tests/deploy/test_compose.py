"""`docker-compose.yml` and the image: what can be known of them without Docker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from triggerstream.ops.settings import LEAVES, PREFIX

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(name="services")
def _services() -> dict[str, Any]:
    services: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    return services


def test_the_compose_file_follows_the_compose_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    done = subprocess.run([*command, str(COMPOSE)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_kafka_two_workers_a_sender_a_mail_catcher_and_prometheus(
    services: dict[str, Any],
) -> None:
    assert set(services) == {"kafka", "worker-1", "worker-2", "sender", "mail", "prometheus"}


def test_every_image_has_a_pinned_tag(services: dict[str, Any]) -> None:
    tags = {name: service["image"].partition(":")[2] for name, service in services.items()}

    assert all(tag and tag[-1].isdigit() for tag in tags.values()), tags


def test_nothing_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_everything_waits_until_what_it_needs_is_healthy(services: dict[str, Any]) -> None:
    waits = [
        (name, needed, how["condition"])
        for name, service in services.items()
        for needed, how in service.get("depends_on", {}).items()
    ]

    assert {name for name, _, _ in waits} == set(services) - {"kafka", "mail"}
    assert all(condition == "service_healthy" for _, _, condition in waits), waits
    assert all("healthcheck" in services[needed] for _, needed, _ in waits)


def test_no_two_processes_share_a_directory_of_states(services: dict[str, Any]) -> None:
    states = [
        mount.partition(":")[0]
        for service in services.values()
        for mount in service.get("volumes", [])
        if mount.partition(":")[2] == "/var/lib/triggerstream"
    ]

    assert len(states) == len(set(states)) == 3


def test_every_setting_is_one_that_we_know(services: dict[str, Any]) -> None:
    names = {
        name
        for service in services.values()
        for name in service.get("environment", {})
        if name.startswith(PREFIX)
    }

    assert names
    assert names <= set(LEAVES)


def test_the_image_runs_as_nobody_special_and_hears_signals() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()

    assert "USER 10001:10001" in lines
    assert 'ENTRYPOINT ["triggerstream"]' in lines  # exec form: a shell would keep SIGTERM
    assert "STOPSIGNAL SIGTERM" in lines


def test_the_engine_of_the_image_is_compiled_in_a_stage_of_its_own() -> None:
    building, running = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").split("\n\n")

    assert "ARG COMPILE=1\n" in building
    assert "TRIGGERSTREAM_COMPILE=$COMPILE " in building  # 1: compiled, or there is no image
    assert "gcc" in building
    assert "gcc" not in running
    assert "apt-get" not in running


def test_both_stages_of_the_image_have_the_same_python() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()

    bases = [line.removesuffix(" AS build") for line in lines if line.startswith("FROM ")]

    assert len(bases) == 2
    assert len(set(bases)) == 1


def test_the_image_installs_nothing_without_a_hash_but_our_own_wheel() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")

    installs = re.findall(r"pip install (.*?)(?: && |$)", text, flags=re.MULTILINE)

    ours = [each for each in installs if "--require-hashes" not in each]
    assert len(installs) == 3
    assert [each.split()[-1] for each in ours] == ["/wheels/*.whl"]
    assert all("--no-deps" in each for each in ours)
    assert "pip wheel --no-deps --no-build-isolation" in text


def test_all_that_the_image_is_made_of_is_sent_to_be_built() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]

    assert copied
    assert [name for name in copied if f"!{name}" not in sent] == []
    assert [name for name in copied if not (ROOT / name).exists()] == []
