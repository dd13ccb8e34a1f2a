"""The benchmark's own arithmetic, and what it says when a tool or a peer is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from typer.testing import CliRunner

from benchmarks import bare, environments, floor, process_tree, wrk
from benchmarks.__main__ import app
from benchmarks.catalogue import PEERS
from benchmarks.contender import Interface
from benchmarks.growth.findings import Batch, Growth, Moment, Swap
from benchmarks.growth.page import write_page
from benchmarks.limits import limits
from benchmarks.load import Driven, GeneratorFailed, Load
from benchmarks.measure import WrongPrice, check_prices
from benchmarks.perf_analyzer import Offered
from benchmarks.places import PEERS as PEER_FOLDERS
from benchmarks.process_tree import ProcessTree
from benchmarks.requests import Columns, ValuedHomes, open_inference_json, plain_json, prices_of_plain_json
from benchmarks.results import SERVICE, Results, Sample, Spread, Start
from benchmarks.shipped import instances, serving_threads
from benchmarks.tables import grids, markdown
from benchmarks.targets import outcomes
from benchmarks.trials import TRIALS, Trial
from preprocessing.columns import HOME_COLUMN_NAMES
from publishing.repository import PREPROCESSING, PRICE_MODEL
from tests.conftest import ROOT

ABOUT = {
    "date": "2026-01-01",
    "processor": "a processor",
    "cores": 2,
    "memory_gb": 8,
    "system": "Linux",
    "python": "3.11",
    "commit": "abc",
    "rounds": 2,
    "seconds": 5,
    "model": "improved",
    "trees": 600,
    "load_before": 0.1,
    "quick": False,
    "versions": {"numpy": "1"},
    "peers": {"litserve": {"litserve": "2"}},
}


def sample(contender: str, number: int, rate: float, load: str = "1x32", interface: str = "JSON") -> Sample:
    return Sample(
        contender,
        interface,
        load,
        number,
        1000 / rate,
        3000 / rate,
        rate,
        rate,
        1 / rate,
        0,
        {"server": 1e5 / rate, "price_model": 2e5 / rate},
    )


@pytest.fixture
def results() -> Results:
    samples = [
        sample(SERVICE, 1, 1000),
        sample(SERVICE, 2, 500),
        sample("FastAPI + sklearn", 1, 100),
        sample("FastAPI + sklearn", 2, 40),
        sample("MLServer + onnxruntime", 1, 250),
    ]
    starts = [Start(SERVICE, 1, 2.0, 300), Start("MLServer + onnxruntime", 1, 5.0, 600)]
    return Results(ABOUT, {SERVICE: "as shipped"}, {"Ray Serve": "pip failed"}, samples, starts)


def test_a_ratio_is_taken_within_each_round(results: Results) -> None:
    ratio = results.ratio("FastAPI + sklearn, JSON", "1x32", "requests_per_s")
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((0.09, 0.08, 0.1))
    assert results.ratio("FastAPI + sklearn, JSON", "1x8", "requests_per_s") is None
    started = results.start_ratio("MLServer + onnxruntime", "startup_s")
    assert started is not None and started.median == 2.5


def test_results_survive_being_written(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    results.write(path)
    assert Results.read(path) == results
    summary = json.loads(path.read_text())["summary"]
    ratios = {
        line["metric"]: line["ratio"]["median"] for line in summary if line["row"] == "MLServer + onnxruntime, JSON"
    }
    assert ratios["requests_per_s"] == pytest.approx(0.25) and ratios["p50_ms"] == pytest.approx(4)


def test_targets_say_by_how_much_and_what_was_not_measured(results: Results) -> None:
    found = {outcome.text: outcome for outcome in outcomes(results)}
    sklearn = found["FastAPI + sklearn, requests/s at 32"]
    assert sklearn.ahead is not None and sklearn.ahead.median == pytest.approx(11.25)
    assert sklearn.met is True
    assert found["MLServer + onnxruntime, requests/s at 32"].met is False
    assert found["FastAPI + sklearn, requests/s at 8"].met is None


def test_a_limit_says_what_the_trees_take(results: Results) -> None:
    rates = {(SERVICE, "gRPC"): 40, ("FastAPI + onnxruntime", "JSON"): 20, (bare.NAME, "1 thread"): 50}
    results.samples = [sample(name, 1, rate, "64x4", interface) for (name, interface), rate in rates.items()]
    assert "20 µs of processor time a home" in limits(results) and "2.5 times ahead" in limits(results)
    assert limits(None) == ""


def test_a_limit_says_what_each_step_adds_to_the_floor(results: Results) -> None:
    mine, floors = {"server": 200.0, "preprocessing": 150.0, "price_model": 100.0}, {"server": 190.0}
    floors |= {"floor_named_first": 90.0, "floor_named_second": 60.0}
    results.samples = [
        replace(sample(name, 1, 1000, load), cpu_us_by_part=parts)
        for name, parts in ((SERVICE, mine), ("floor, 18 inputs", floors))
        for load in ("1x1", "1x8", "1x32")
    ]
    assert "takes 450 µs of processor time, the floor's 340 (+10 server, +60 preprocessing, +40 price_model)" in limits(
        results
    )


def test_less_latency_is_ahead(results: Results) -> None:
    results.samples.append(sample("LitServe", 1, 500))
    found = {outcome.text: outcome for outcome in outcomes(results)}
    latency = found["LitServe, p50 at 32"].ahead
    assert latency is not None and latency.median == pytest.approx(2)


def test_the_tables_name_every_row_and_what_is_missing(results: Results) -> None:
    text = markdown(results)
    for expected in (
        "MLServer + onnxruntime, JSON",
        "0.25x",
        "Ray Serve: pip failed",
        "a processor",
        "as shipped",
        "litserve 2",
        "JSON: price_model",
    ):
        assert expected in text
    assert all(len(line) == len(grid.columns) for grid in grids(results) for line in grid.lines)


def test_a_run_of_wrk_is_read() -> None:
    line = '{"p50_us": 500, "p99_us": 2000, "requests": 1010, "duration_us": 2000000, "refused": 10, "broken": 1}'
    driven = wrk.read(f"Running...\nRESULT {line}\n", "", Load(64, 4))
    assert driven == Driven(p50_ms=0.5, p99_ms=2.0, requests_per_s=500.0, homes=64_000, errors=11)


def test_a_failed_run_of_wrk_says_what_wrk_said() -> None:
    with pytest.raises(GeneratorFailed, match="unable to connect"):
        wrk.read("", "unable to connect to 127.0.0.1:1", Load(1, 1))


def test_without_wrk_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ran = CliRunner().invoke(app, ["--quick"])
    assert ran.exit_code == 1
    assert "apt-get install wrk" in ran.output


def test_an_unknown_peer_is_refused() -> None:
    if wrk.missing():
        pytest.skip("needs wrk")
    ran = CliRunner().invoke(app, ["--peer", "flask"])
    assert ran.exit_code == 2
    assert "fastapi_onnx" in ran.output


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "requirements.txt").write_text(f"{tmp_path}/no-such-package\n")
    with pytest.raises(environments.NotInstalled, match="peer: pip on Python"):
        environments.ensure("peer", tmp_path, tmp_path / "made")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.folder)
def test_every_peer_has_a_server_and_pins_everything(peer: SimpleNamespace) -> None:
    folder = PEER_FOLDERS / peer.folder
    assert (folder / "server.py").is_file()
    pins = (folder / "requirements.txt").read_text().split()
    assert pins and all("==" in pin for pin in pins)


def homes(count: int = 3) -> ValuedHomes:
    columns: Columns = {name: [float(row + 1) for row in range(count)] for name in HOME_COLUMN_NAMES}
    return ValuedHomes(columns, np.zeros((count, 44), np.float32), np.arange(1, count + 1) * 100_000.0)


def test_one_home_is_numbers_and_many_are_lists() -> None:
    one, many = (json.loads(plain_json(homes().some(0, count))) for count in (1, 2))
    assert one["zipcode"] == 1 and many["zipcode"] == [1, 2]
    tensors = json.loads(open_inference_json(homes().some(0, 2)))["inputs"]
    assert [tensor["name"] for tensor in tensors] == list(HOME_COLUMN_NAMES)
    assert all(tensor["shape"] == [2, 1] for tensor in tensors)
    assert prices_of_plain_json(b'{"price": 5}') == [5] and prices_of_plain_json(b'{"price": [5, 6]}') == [5, 6]


def test_a_wrong_price_ends_the_measurement() -> None:
    answers = iter([[100_000.0], [100_200.0], [100_200.0], []])
    interface = Interface("JSON", lambda _: next(answers), lambda *_: pytest.fail("not driven"))
    check_prices(interface, homes(), 0, 1, priced=True)
    with pytest.raises(WrongPrice, match=r"\$100,200.00 instead of \$100,000.00"):
        check_prices(interface, homes(), 0, 1, priced=True)
    check_prices(interface, homes(), 0, 1, priced=False)
    with pytest.raises(WrongPrice, match="0 prices for 1 homes"):
        check_prices(interface, homes(), 0, 1, priced=False)


BUSY = """
import subprocess, sys, time
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
end = time.process_time() + 0.25
while time.process_time() < end:
    pass
print("done", flush=True)
time.sleep(3600)
"""


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["done\n", "done\n"]
        yield process
        process_tree.end(process.pid)


def test_a_tree_counts_its_children(busy: subprocess.Popen[str]) -> None:
    with ProcessTree(busy.pid) as tree:
        assert len(tree.processes()) == 2
        assert tree.cpu_seconds() >= 0.4  # a little less than both took: the kernel counts in ticks
        assert tree.memory_bytes() > 1e6
    assert tree.peak_bytes > 1e6


def test_a_tree_ends_with_its_children(busy: subprocess.Popen[str]) -> None:
    child = ProcessTree(busy.pid).processes()[1]
    process_tree.end(busy.pid)
    busy.wait()
    deadline = time.monotonic() + 60
    while child.is_running() and child.status() != "zombie":
        assert time.monotonic() < deadline, "the child goes on"
        time.sleep(0.05)


@pytest.mark.parametrize(("ensemble", "inputs"), [(floor.NAMED, 18), (floor.PACKED, 1)])
def test_the_floor_is_a_repository_that_triton_can_read(ensemble: str, inputs: int, tmp_path: Path) -> None:
    repository = floor.lay_out(tmp_path / "floor", ensemble)
    config = model_config_pb2.ModelConfig()
    text_format.Parse((repository / ensemble / "config.pbtxt").read_text(), config)
    assert len(config.input) == inputs
    assert [step.model_name for step in config.ensemble_scheduling.step] == [f"{ensemble}_first", f"{ensemble}_second"]
    served = model_config_pb2.ModelConfig()
    text_format.Parse((ROOT / "model_repository" / "house_price" / "config.pbtxt").read_text(), served)
    assert list(config.output) == list(served.output)
    assert ensemble != floor.NAMED or list(config.input) == list(served.input)


def test_the_floor_has_as_many_instances_as_the_service(tmp_path: Path) -> None:
    repository = floor.lay_out(tmp_path / "floor", floor.NAMED)
    for step, model in (("first", "preprocessing"), ("second", "price_model")):
        config = model_config_pb2.ModelConfig()
        text_format.Parse((repository / f"{floor.NAMED}_{step}" / "config.pbtxt").read_text(), config)
        assert config.instance_group[0].count == instances(model) >= 1
    assert serving_threads() >= instances("price_model")


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["tritonserver", "--model-repository=/x"], "server"),
        (["/x/triton_python_backend_stub", "/m/1/model.py", "4194304", "price_model_0_1", "DEFAULT"], "price_model"),
        (["/x/triton_python_backend_stub", "/m/1/model.py"], "server"),
        ([], "server"),
    ],
)
def test_a_stub_is_known_by_its_model(command: list[str], part: str) -> None:
    assert process_tree.part_of(command) == part


@pytest.mark.parametrize("rounds", [7, 10, 40])
def test_the_interval_of_a_median_holds_it_nineteen_times_in_twenty(rounds: int) -> None:
    draws = np.random.default_rng(0).exponential(size=(4_000, rounds))
    intervals = [Spread.of_median(draw.tolist()) for draw in draws]
    assert 0.94 < np.mean([found.low <= np.log(2) <= found.high for found in intervals]) < 0.99


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_a_trial_changes_what_is_shipped(trial: Trial, tmp_path: Path) -> None:
    repository = tmp_path / "model_repository"
    shutil.copytree(ROOT / "model_repository", repository, ignore=shutil.ignore_patterns("[0-9]*"))
    shutil.copytree(ROOT / "preprocessing", repository / PREPROCESSING / "1")
    before = {path: path.read_bytes() for path in repository.rglob("*.p*")}
    trial.change(repository)
    assert {path: path.read_bytes() for path in before} != before
    for path in repository.glob("*/config.pbtxt"):
        text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    compile((repository / PREPROCESSING / "1" / "model.py").read_text(), "model.py", "exec")


def test_a_trial_of_what_is_no_longer_there_says_so(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "model_repository", tmp_path / "model_repository")
    (tmp_path / "model_repository" / PRICE_MODEL / "config.pbtxt").write_text("")
    one = next(trial for trial in TRIALS if trial.name == "one-price-model")
    with pytest.raises(ValueError, match="no longer says what it changes"):
        one.change(tmp_path / "model_repository")


def test_the_page_is_made_of_figures_alone(results: Results, tmp_path: Path) -> None:
    growth = Growth(
        ABOUT,
        [Batch("JSON", 1, 1, 1500.0, 0.6), Batch("gRPC", 4096, 4, 70_000.0, 60.0)],
        [Offered(500, 500, 0.5, 1.0), Offered(1000, 999, 0.6, 2.0), Offered(1500, 1100, 40, 90)],
        [Moment(minute, 100 + minute, 12, 10 * minute, 0) for minute in range(7)],
        [Swap(60, 0.5, 1.5, 1.0)],
    )
    path = tmp_path / "growth.json"
    growth.write(path)
    assert Growth.read(path) == growth
    tried = Results(ABOUT, {"two-threads": "two threads"})
    tried.samples = [sample("shipped", 1, 1000), sample("two-threads", 1, 900)]
    page, *pictures = write_page(growth, results, tried, tmp_path)
    text = page.read_text()
    assert growth.saturation() == 1000
    for expected in (
        "70,000 homes/s",
        "1,000 requests/s",
        "+2.0 MB",
        "MLServer + onnxruntime, JSON",
        "two threads",
        "0.900x",
    ):
        assert expected in text
    assert all(picture.stat().st_size > 1000 and f"speed/{picture.name}" in text for picture in pictures)
