"""The benchmark's own arithmetic, and what it says when a tool or a peer is missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from typer.testing import CliRunner

from benchmarks import DOCS, RESULTS, bare, compare, process_tree, repositories, wrk
from benchmarks.__main__ import app
from benchmarks.analysis_findings import ANALYSIS_FILE, AnalysisFindings, Turn, costs, neighbours, section
from benchmarks.contender import Interface, StartFailed
from benchmarks.growth.findings import Batch, Growth, Moment
from benchmarks.load import GeneratorFailed, Load, LoadResult
from benchmarks.measure import WrongPrice, check_prices
from benchmarks.page import best_peer, write_pages
from benchmarks.payloads import Columns, ValuedHomes, open_inference_json, plain_json, prices_of_plain_json
from benchmarks.perf_analyzer import Offered
from benchmarks.process_tree import ProcessTree
from benchmarks.repositories import FLOOR_BY_COLUMN, FLOOR_IN_ONE, instances, serving_threads
from benchmarks.results import SERVICE, Results, Sample, Spread, Start
from benchmarks.rounds import reason
from benchmarks.tables import grids
from benchmarks.targets import limits, targets
from preprocessing.columns import HOME_COLUMN_NAMES
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
    assert sum('"contender"' in line for line in path.read_text().splitlines()) == len(results.samples + results.starts)


def test_targets_say_by_how_much_and_what_was_not_measured(results: Results) -> None:
    found = {target.text: target for target in targets(results)}
    sklearn = found["FastAPI + sklearn, requests/s at 32"]
    assert sklearn.ahead is not None and sklearn.ahead.median == pytest.approx(11.25)
    assert sklearn.met is True
    assert found["MLServer + onnxruntime, requests/s at 32"].met is False
    assert found["FastAPI + sklearn, requests/s at 8"].met is None


def test_a_limit_says_what_the_trees_take(results: Results) -> None:
    rates = {(SERVICE, "gRPC"): 40, ("FastAPI + onnxruntime", "JSON"): 20, (bare.NAME, "1 thread"): 50}
    results.samples = [sample(name, 1, rate, "64x4", interface) for (name, interface), rate in rates.items()]
    (limit,) = limits(results)
    assert "20 µs of processor time a home" in limit and "2.5 times ahead" in limit


def test_a_limit_says_what_each_step_adds_to_the_floor(results: Results) -> None:
    mine, floors = {"server": 200.0, "preprocessing": 150.0, "price_model": 100.0}, {"server": 190.0}
    floors |= {"floor_named_first": 90.0, "floor_named_second": 60.0}
    results.samples = [
        replace(sample(name, 1, 1000, load), cpu_us_by_part=parts)
        for name, parts in ((SERVICE, mine), ("floor, 18 inputs", floors))
        for load in ("1x1", "1x8", "1x32")
    ]
    added = "(+10 server, +60 preprocessing, +40 price_model)"
    assert all(f"takes 450 µs of processor time, the floor's 340 {added}" in limit for limit in limits(results))
    assert len(limits(results)) == 3


def test_less_latency_is_ahead(results: Results) -> None:
    results.samples.append(sample("LitServe", 1, 500))
    found = {target.text: target for target in targets(results)}
    latency = found["LitServe, p50 at 32"].ahead
    assert latency is not None and latency.median == pytest.approx(2)


def test_every_line_of_a_table_has_all_its_columns(results: Results) -> None:
    assert all(len(line) == len(grid.columns) for grid in grids(results) for line in grid.lines)


def test_a_run_of_wrk_is_read() -> None:
    line = '{"p50_us": 500, "p99_us": 2000, "requests": 1010, "duration_us": 2000000, "refused": 10, "broken": 1}'
    driven = wrk.read(f"Running...\nRESULT {line}\n", "", Load(64, 4))
    assert driven == LoadResult(p50_ms=0.5, p99_ms=2.0, requests_per_s=500.0, homes=64_000, errors=11)


def test_a_failed_run_of_wrk_says_what_wrk_said() -> None:
    with pytest.raises(GeneratorFailed, match="unable to connect"):
        wrk.read("", "unable to connect to 127.0.0.1:1", Load(1, 1))


def test_without_wrk_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ran = CliRunner().invoke(app, ["--quick"])
    assert ran.exit_code == 1
    assert "apt-get install wrk" in ran.output


def homes(count: int = 3) -> ValuedHomes:
    columns: Columns = {name: [float(row + 1) for row in range(count)] for name in HOME_COLUMN_NAMES}
    return ValuedHomes(columns, np.arange(1, count + 1) * 100_000.0)


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
        # A little less than both took: the kernel counts in ticks.
        assert sum(tree.cpu_seconds_by_part().values()) >= 0.4
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


@pytest.mark.parametrize(("ensemble", "inputs"), [(FLOOR_BY_COLUMN, 18), (FLOOR_IN_ONE, 1)])
def test_the_floor_is_a_repository_that_triton_can_read(ensemble: str, inputs: int, tmp_path: Path) -> None:
    repository = repositories.lay_out_floor(ensemble, tmp_path / "floor")
    config = model_config_pb2.ModelConfig()
    text_format.Parse((repository / ensemble / "config.pbtxt").read_text(), config)
    assert len(config.input) == inputs
    assert [step.model_name for step in config.ensemble_scheduling.step] == [f"{ensemble}_first", f"{ensemble}_second"]
    served = model_config_pb2.ModelConfig()
    text_format.Parse((ROOT / "model_repository" / "house_price" / "config.pbtxt").read_text(), served)
    assert list(config.output) == list(served.output)
    assert ensemble != FLOOR_BY_COLUMN or list(config.input) == list(served.input)


def test_the_floor_has_as_many_instances_as_the_service(tmp_path: Path) -> None:
    repository = repositories.lay_out_floor(FLOOR_BY_COLUMN, tmp_path / "floor")
    for step, model in (("first", "preprocessing"), ("second", "price_model")):
        config = model_config_pb2.ModelConfig()
        text_format.Parse((repository / f"{FLOOR_BY_COLUMN}_{step}" / "config.pbtxt").read_text(), config)
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


@pytest.fixture
def growth() -> Growth:
    return Growth(
        ABOUT,
        [Batch("JSON", 1, 1, 1500.0, 0.6), Batch("gRPC", 4096, 4, 70_000.0, 60.0)],
        [Offered(500, 500, 0.5, 1.0), Offered(1000, 999, 0.6, 2.0), Offered(1500, 1100, 40, 90)],
        [Moment(minute, 100 + minute, 12, 10 * minute, 0) for minute in range(7)],
    )


def test_growth_survives_being_written(growth: Growth, tmp_path: Path) -> None:
    growth.write(tmp_path / "growth.json")
    assert Growth.read(tmp_path / "growth.json") == growth
    assert growth.saturation() == 1000


def test_the_short_page_holds_the_best_peer_and_every_picture_it_names(
    results: Results, growth: Growth, tmp_path: Path
) -> None:
    short, _, *pictures = write_pages(results, growth, tmp_path, tmp_path)
    text = short.read_text()
    assert best_peer(results) == "MLServer + onnxruntime, JSON"
    for expected in ("best peer: MLServer + onnxruntime", "70,000 homes/s", "1,000 requests/s", "0 failed requests of"):
        assert expected in text
    named = set(re.findall(r"\(speed/(\w+\.png)\)", text))
    assert named <= {picture.name for picture in pictures}
    assert all(picture.stat().st_size > 1000 for picture in pictures)


def test_the_full_page_names_every_row_and_what_is_missing(results: Results, growth: Growth, tmp_path: Path) -> None:
    _, full, *_ = write_pages(results, growth, tmp_path, tmp_path)
    text = full.read_text()
    for expected in (
        "MLServer + onnxruntime, JSON",
        "0.25x",
        "Ray Serve: pip failed",
        "a processor",
        "as shipped",
        "litserve 2",
        "JSON: price_model",
        "+2.0 MB",
    ):
        assert expected in text


def test_the_committed_pages_are_those_of_the_committed_results(tmp_path: Path) -> None:
    results, growth = Results.read(RESULTS / "latest.json"), Growth.read(RESULTS / "growth.json")
    kept = RESULTS / ANALYSIS_FILE
    analyses = AnalysisFindings.read(kept) if kept.is_file() else None
    short, full, *pictures = write_pages(results, growth, tmp_path, tmp_path, analyses)
    assert short.read_text() == (DOCS / "speed.md").read_text()
    assert full.read_text() == (RESULTS / "tables.md").read_text()
    assert {picture.name for picture in pictures} == {path.name for path in (DOCS / "speed").iterdir()}


def test_a_page_does_not_tell_the_folders_of_the_machine() -> None:
    """Why a peer was not measured stands in a page that is kept."""
    said = f'Traceback\n  File "{ROOT}/x.py", line 1\nModuleNotFoundError: No module named "{ROOT}/y"\n'
    assert reason(StartFailed(said)) == 'ModuleNotFoundError: No module named "y"'


def test_two_checkouts_are_compared_within_each_round(results: Results) -> None:
    rates = {compare.THIS: (1000, 500), compare.OTHER: (800, 250)}
    results.samples = [sample(side, number, rates[side][number - 1]) for side in rates for number in (1, 2)]
    grid = compare.comparison(results, [Load(1, 32)])
    assert grid.lines == [
        (
            "1 a request, 32 at once, JSON",
            "750 (500 to 1,000)",
            "525 (250 to 800)",
            "1.625 (1.250 to 2.000)",
            "0.650 (0.500 to 0.800)",
        )
    ]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(compare.NotPublished, match="no checkout of this project"):
        compare.publisher(tmp_path)


def test_a_load_that_is_not_there_is_refused(tmp_path: Path) -> None:
    if wrk.missing():
        pytest.skip("needs wrk")
    ran = CliRunner().invoke(app, ["compare", str(tmp_path), "--load", "1,7"])
    assert ran.exit_code == 2
    assert "1, 8, 32, 64, 1024" in ran.output


def test_what_analyses_cost_survives_being_written_and_is_told(results: Results, tmp_path: Path) -> None:
    names = ("without market_analysis", "with market_analysis")
    results.samples = [
        sample(name, number, 1000 - 100 * place) for place, name in enumerate(names) for number in (1, 2)
    ]
    results.about = {**ABOUT, "asked_per_s": 10}
    found = AnalysisFindings(
        results, [Turn(1, 6.0, 5.0, 2.0, 0.5, 4.0, 60), Turn(2, 7.0, 5.5, 2.0, 0.5, 4.5, 62)], 0.5, 0
    )
    found.write(tmp_path / ANALYSIS_FILE)
    assert AnalysisFindings.read(tmp_path / ANALYSIS_FILE) == found
    assert ("of that: the rest", "2.25 (2.00 to 2.50)") in costs(found).lines
    assert neighbours(found).lines[1][-1] == "0.900"
    assert "0 of them failed" in section(found)
