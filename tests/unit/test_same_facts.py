"""Facts that stand in two places, because neither may read the other, are the same in both."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from benchmarks import repositories
from client import homes_file, past_sales, transports, valuation
from conversion.graph import OUTPUTS
from data import files
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES, ZIPCODE
from preprocessing.demographics import DEMOGRAPHICS_FILE
from preprocessing.homes import PACKED_INPUT
from preprocessing.metrics import PROBE_ID
from preprocessing.single import ONE_HOME
from publishing.repository import ENSEMBLES, PREPROCESSING, PRICE_MODEL, SERVED, served
from serving import __main__ as make_up
from serving import replica
from serving.bundle import OLDEST_GLIBC, PYTHONS
from serving.flags import flags
from serving.ports import Ports
from tests.conftest import ROOT
from training.market_index import DAYS_AHEAD

README = (ROOT / "README.md").read_text()


def test_the_csv_files_have_one_name_each() -> None:
    assert past_sales.SALES_NAME == files.SALES_CSV
    assert homes_file.EXAMPLES_NAME == files.UNSEEN_CSV
    assert DEMOGRAPHICS_FILE == files.DEMOGRAPHICS_CSV
    assert all(name in README for name in files.FILE_NAMES)


def test_the_day_that_prices_are_given_for_is_the_one_that_callers_are_told() -> None:
    assert re.findall(r"(\d+) days after the last sale", README) == [str(DAYS_AHEAD)]


def test_the_client_expects_the_outputs_that_every_graph_has() -> None:
    assert tuple(OUTPUTS) == valuation.OUTPUTS


@pytest.mark.parametrize("model", [*ENSEMBLES, PREPROCESSING, PRICE_MODEL])
def test_the_largest_request_is_the_one_that_people_are_told(model: str) -> None:
    text = (ROOT / "model_repository" / model / "config.pbtxt").read_text()
    most = text_format.Parse(text, model_config_pb2.ModelConfig()).max_batch_size
    gateway = (ROOT / "deploy" / "gateway" / "haproxy.cfg").read_text()
    assert re.findall(r"up to ([\d,]+) homes at once", README) == [f"{most:,}"]
    assert set(re.findall(r"([\d,]+) homes", gateway)) == {f"{most:,}"}
    assert f"max_batch_size: {most}" in inspect.getsource(repositories)


def test_the_gateway_knows_the_columns() -> None:
    gateway = (ROOT / "deploy" / "gateway" / "haproxy.cfg").read_text()
    (columns,) = re.findall(r'setenv COLUMN +"\(\?:(.*)\)"', gateway)
    assert {*columns.split("|"), ZIPCODE} == {*HOME_COLUMN_NAMES, PACKED_INPUT}


def test_the_endpoint_for_one_home_is_the_same_everywhere() -> None:
    assert transports.ONE_HOME == make_up.SHOWN_MODEL
    assert transports.ONE_HOME in ENSEMBLES
    # Its own words for several homes, and those of the gateway, which asks no replica for them.
    assert f'{{"error":"{ONE_HOME}"}}' in (ROOT / "deploy" / "gateway" / "haproxy.cfg").read_text()


def test_a_replica_drains_until_the_gateway_must_have_noticed() -> None:
    """However busy the machine is: where looks are lost, the gateway has given up on the replica by then."""
    gateway = (ROOT / "deploy" / "gateway" / "haproxy.cfg").read_text()
    (lost, between, fall) = re.search(  # type: ignore[union-attr]
        r"timeout check (\d+)s.*? inter (\d+)ms downinter \d+ms fall (\d+) ", gateway, re.DOTALL
    ).groups()
    assert int(between) / 1000 + int(fall) * int(lost) <= replica.DRAIN_SECONDS


def test_the_supervisor_imports_the_standard_library_only() -> None:
    """It is mounted into NVIDIA's image alone."""
    tree = ast.parse(Path(replica.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_supervisor_asks_the_models_of_the_repository() -> None:
    assert replica.ENSEMBLE in ENSEMBLES
    assert replica.COMPOSING == (PREPROCESSING, PRICE_MODEL)


def test_the_supervisors_house_has_the_columns_that_its_ensemble_requires() -> None:
    assert {*replica.PANEL_HOME, ZIPCODE} == set(REQUIRED_COLUMN_NAMES)
    assert replica.PANEL_HOME.items() <= EXAMPLE_HOME.items()


def test_the_supervisors_homes_are_not_counted() -> None:
    assert {"id": PROBE_ID} == replica.PROBE


@pytest.mark.parametrize("named", ["", "/srv/served"])
def test_make_up_serves_what_the_door_fills(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if named:
        monkeypatch.setenv(SERVED, named)
    assert make_up.served(tmp_path / "model_repository") == served(tmp_path / "model_repository")


def test_make_up_waits_for_ensembles_of_the_repository() -> None:
    assert make_up.SHOWN_MODEL in make_up.AWAITED_MODELS
    assert set(make_up.AWAITED_MODELS) <= set(ENSEMBLES)


def test_the_range_of_pythons_is_the_same_everywhere() -> None:
    oldest, newest = (f"{major}.{minor}" for major, minor in PYTHONS)
    script = (ROOT / "environment.sh").read_text()
    assert set(re.findall(r"Python (\d\.\d+ to \d\.\d+)", script + README)) == {f"{oldest} to {newest}"}
    assert re.findall(r"not (\d+) <= minor <= (\d+)", script) == [tuple(str(minor) for _, minor in PYTHONS)]
    tried = [f"python3.{minor}" for minor in range(PYTHONS[1][1], PYTHONS[0][1] - 1, -1)]
    assert f"python3 {' '.join(tried)}" in script
    project = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={oldest},<{PYTHONS[1][0]}.{PYTHONS[1][1] + 1}"' in project
    assert f'python_version = "{oldest}"' in project  # of mypy
    assert f'target-version = "py{oldest.replace(".", "")}"' in project  # of ruff


def test_the_oldest_glibc_is_the_same_everywhere() -> None:
    oldest = "{}.{}".format(*OLDEST_GLIBC)
    script = (ROOT / "environment.sh").read_text()
    assert re.findall(r"needs glibc (\d\.\d+)", script) == [oldest]
    (patterns,) = re.findall(r'^"glibc 2\..*\)$', script, re.MULTILINE)
    refused = [minor for minor in range(100) if _matches(f"glibc 2.{minor}", patterns)]
    assert refused == list(range(OLDEST_GLIBC[1]))


def _matches(text: str, patterns: str) -> bool:
    """Whether one of a shell's patterns, like ``"glibc 2."[0-9] | "no glibc")``, is the whole text."""
    return any(
        re.fullmatch("".join(re.escape(part) if quoted else part for quoted, part in _parts(pattern)), text)
        for pattern in patterns.rstrip(")").split(" | ")
    )


def _parts(pattern: str) -> list[tuple[bool, str]]:
    return [(place % 2 == 1, part) for place, part in enumerate(pattern.split('"'))]


ONE_SIDED = {
    "--backend-directory": "embedded: laid out at each start; NVIDIA's image has its own",
    "--backend-config=python,shm-region-prefix-name": "embedded: finds what a killed server left in /dev/shm",
    "--http-address": "embedded: loopback only; a container is reached through the gateway",
    "--grpc-address": "embedded: loopback only; a container is reached through the gateway",
    "--metrics-address": "embedded: loopback only; Prometheus reaches a container over the inner network",
    "--http-port": "embedded: whoever starts it chooses; a container has ports of its own",
    "--grpc-port": "embedded: whoever starts it chooses; a container has ports of its own",
    "--metrics-port": "embedded: whoever starts it chooses; a container has ports of its own",
    "--model-load-thread-count": "containers: Triton counts the machine's processors, not the container's share",
    "--metrics-config": "containers: the dashboard shows latencies",
    "--log-info": "containers: nobody reads along; the embedded server shows people what happens to which model",
    "--log-warning": "containers: nobody reads along; the embedded server shows people what happens to which model",
}
"""Flags that one server has and the other lacks, and why."""

DIFFERENT = {"--model-repository": "a folder of this machine, and the mount of a container"}
"""Flags with another value, and why; the key to the restricted APIs is another one at each start of either."""


def test_the_embedded_server_takes_the_flags_of_the_containers_but_for_known_reasons() -> None:
    embedded = _values(
        flags("models", Path("backends"), ports=Ports(), poll_seconds=1, admin_key="X", shared_memory_prefix="p")
    )
    compose: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    containers = _values([flag.replace(replica.RANDOM_KEY, "X") for flag in compose["services"]["triton"]["command"]])
    assert embedded.keys() ^ containers.keys() == ONE_SIDED.keys()
    both = embedded.keys() & containers.keys()
    assert {flag for flag in both if embedded[flag] != containers[flag]} == DIFFERENT.keys()


def _values(arguments: list[str]) -> dict[str, str]:
    """Values by flag; a backend's setting counts as a flag of its own."""
    pairs = [
        argument.rpartition("=") if "backend-config" in argument else argument.partition("=") for argument in arguments
    ]
    found = {flag: value for flag, _, value in pairs}
    assert len(found) == len(arguments)
    return found
