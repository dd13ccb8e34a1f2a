"""Both variants of the stack are the same but for Triton's image, and neither asks for more than it needs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from publishing.confinement import Limits
from serving.flags import EXIT_SECONDS
from serving.replica import DRAIN_SECONDS
from tests.stack.conftest import FILES

Config = dict[str, Any]
LONG_RUNNING = ("triton", "gateway", "desk", "prometheus", "grafana")


def config(project: Path, *files: str) -> Config:
    """Return what Compose makes of the files. Fail when they are not valid."""
    command = ["docker", "compose", *(part for file in files for part in ("-f", file)), "--profile", "*"]
    done = subprocess.run(
        [*command, "config", "--format", "json"],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    services: Config = json.loads(done.stdout)["services"]
    return services


@pytest.fixture(scope="module")
def default(engine: None, project: Path) -> Config:
    return config(project, FILES[0])


@pytest.fixture(scope="module")
def embedded(engine: None, project: Path) -> Config:
    return config(project, *FILES)


def test_the_variants_differ_in_tritons_image_and_how_it_starts_alone(default: Config, embedded: Config) -> None:
    own = {"image", "entrypoint", "environment", "tmpfs"}
    for name, service in default.items():
        other = embedded[name]
        assert set(service) == set(other), name
        assert {key for key in service if service[key] != other[key]} == (own if name == "triton" else set()), name


def test_the_embedded_variant_takes_the_same_command_line_and_adds_only_a_place_for_its_backends(
    default: Config, embedded: Config
) -> None:
    assert embedded["triton"]["command"] == default["triton"]["command"]
    assert embedded["triton"]["entrypoint"][:2] == default["triton"]["entrypoint"][:2]
    assert embedded["triton"]["environment"] == {**default["triton"]["environment"], "TMPDIR": "/run/triton"}
    assert [mount for mount in embedded["triton"]["tmpfs"] if mount not in default["triton"]["tmpfs"]] == [
        "/run/triton:exec,uid=1000,gid=1000"
    ]


def test_nvidias_image_is_used_as_it_is(default: Config) -> None:
    assert default["triton"]["image"] == "nvcr.io/nvidia/tritonserver:26.11-py3"
    assert "build" not in default["triton"]


@pytest.mark.parametrize(
    "flag",
    [
        "--model-control-mode=poll",
        "--repository-poll-secs=1",
        "--strict-readiness=false",
        "--exit-on-error=false",
        "--model-load-thread-count=2",
        "--exit-timeout-secs=10",
        "--log-info=false",
        "--allow-sagemaker=false",
    ],
)
def test_tritons_command_line_is_explicit(flag: str, default: Config) -> None:
    assert flag in default["triton"]["command"]


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_listens_has_no_privileges_and_limits(name: str, default: Config) -> None:
    service = default[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["mem_limit"]) > 0
    assert service["restart"] == "unless-stopped"
    assert name == "grafana" or service["read_only"]
    assert all(mount.get("read_only") for mount in service["volumes"] if mount["type"] == "bind")


def test_only_the_door_and_who_publishes_write_what_triton_reads(default: Config) -> None:
    mounts = {
        name: mount.get("read_only", False)
        for name, service in default.items()
        for mount in service.get("volumes", [])
        if mount["source"].endswith("served")
    }
    assert mounts == {"models": False, "door": False, "triton": True, "desk": True}
    assert not any("model_repository" in mount["source"] for mount in default["triton"]["volumes"])
    assert default["door"]["restart"] == "unless-stopped"
    assert int(default["door"]["mem_limit"]) > Limits().memory_bytes


def test_triton_is_nobody_special_and_reachable_through_the_gateway_alone(default: Config) -> None:
    triton = default["triton"]
    assert triton["user"] == "1000:1000"
    assert "ports" not in triton
    assert set(triton["networks"]) == {"inside"}
    assert int(triton["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS + EXIT_SECONDS


def test_the_desk_is_nobody_special_and_reachable_through_the_gateway_alone(default: Config) -> None:
    desk = default["desk"]
    assert desk["user"] == "1000:1000"
    assert "ports" not in desk
    assert set(desk["networks"]) == {"inside"}


def test_ports_are_open_on_this_machine_alone_until_told_otherwise(default: Config) -> None:
    published = [port for service in default.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert {port["published"] for port in default["gateway"]["ports"]} == {"8000", "8001"}
