"""``value_homes.py`` as its user runs it: whatever happens on the way, the files come out the same."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from publishing.card import Card
from serving.embedded import EmbeddedServer
from tests.service.callers import Callers
from tests.service.conftest import Service

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
HOMES = 4_000
BATCH = 16
STEP = 1_000
"""Homes after which a run that stops halts."""
HALTING = f"""
import os, signal, time, typer
from client import value_homes
from client.ledger import SETTLE_EVERY_S

class Display(value_homes.Display):
    begun = None

    def advanced(self):
        super().advanced()
        homes = self.ledger.progress.homes
        if self.begun is None:  # so slow that what is written next is settled as well
            self.begun = homes
            time.sleep(1.1 * SETTLE_EVERY_S)
        if homes - self.begun >= {STEP}:
            self.begun = float("inf")
            os.kill(os.getpid(), signal.SIGSTOP)

value_homes.Display = Display
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests started in the background inherit that it is ignored
typer.run(value_homes.main)
"""
"""The command itself, which stops once in the middle of its work, until it is told to go on."""
BAD = {
    5: ("zipcode", "12345", "zipcode is 12345"),
    6: ("zipcode", "", "zipcode is empty, but must be a whole number"),
    40: ("sqft_living", "-1", "sqft_living is -1"),
    41: ("sqft_living", "big", "sqft_living is 'big', but must be a number"),
    1_500: ("floors", "nan", "floors is 'nan', but must be a number"),
    HOMES + 1: ("bedrooms", "1e999", "bedrooms is '1e999', but must be a number"),
}
"""What is put into which column on which line, and the reason that it gets."""
RAGGED = 2_000


@dataclass(frozen=True)
class Run:
    """Run the command in a folder of its own."""

    folder: Path
    homes: Path
    arguments: tuple[str, ...]

    @property
    def progress(self) -> Path:
        return self.folder / "valued.csv.progress"

    def start(self, form: tuple[str, ...] = ("client/value_homes.py",)) -> subprocess.Popen[str]:
        files = (str(self.homes), "--output", str(self.folder / "valued.csv"))
        return subprocess.Popen(
            # Tied to this process, so that a run that halts does not outlive a test that is killed.
            [sys.executable, "serving/tether.py", str(os.getpid()), sys.executable, *form, *files, *self.arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str] | None = None, ends_with: int = 1) -> str:
        """Wait for its end; return what it said on both streams, in one line."""
        process = process or self.start()
        said = " ".join(" ".join(process.communicate()).split())
        assert process.returncode == ends_with, said
        return said

    def start_and_halt(self) -> subprocess.Popen[str]:
        """Start a run and halt it in the middle, with some homes settled, until SIGCONT or its end."""
        process = self.start(("-c", HALTING))
        found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert found is not None
        assert found.si_code == os.CLD_STOPPED, process.communicate()
        return process

    def settled(self) -> int:
        return int(json.loads(self.progress.read_text())["homes"]) if self.progress.exists() else 0

    def written(self) -> tuple[str, str]:
        """Return both files. They may be compared to the last digit, since a price depends on its own row alone."""
        assert not self.progress.exists()
        valued, rejected = (self.folder / name for name in ("valued.csv", "valued.rejected.csv"))
        return valued.read_text(), rejected.read_text()


@pytest.fixture(scope="module")
def homes(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a file of sold homes, of which some cannot be valued."""
    path = tmp_path_factory.mktemp("bulk") / "homes.csv"
    with service.data.sales.open(newline="") as file, path.open("w", newline="") as target:
        reader, writer = csv.reader(file), csv.writer(target)
        names = next(reader)
        writer.writerow(names)
        for line, cells in enumerate(islice(reader, HOMES), start=2):
            if line in BAD:
                name, cell, _ = BAD[line]
                cells[names.index(name)] = cell
            writer.writerow(cells[:-1] if line == RAGGED else cells)
    return path


@pytest.fixture(scope="module")
def undisturbed(service: Service, homes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return both files of a run that was not disturbed."""
    run = Run(
        tmp_path_factory.mktemp("undisturbed"),
        homes,
        ("--protocol", "grpc", "--url", service.grpc, "--batch", str(BATCH)),
    )
    run.finish()
    return run.written()


def test_every_home_is_valued_or_rejected_with_its_line_and_reason(homes: Path, undisturbed: tuple[str, str]) -> None:
    valued, rejected = (list(csv.DictReader(text.splitlines())) for text in undisturbed)
    bad = {**{line: reason for line, (_, _, reason) in BAD.items()}, RAGGED: "20 cells, the header has 21"}
    assert [int(home["line"]) for home in rejected] == sorted(bad)
    assert all(home["reason"].startswith(bad[int(home["line"])]) for home in rejected)
    with homes.open(newline="") as file:
        sent = list(csv.DictReader(file))
    assert [int(home["line"]) for home in valued] == [line for line in range(2, HOMES + 2) if line not in bad]
    assert all(home["id"] == sent[int(home["line"]) - 2]["id"] for home in valued)
    assert all(0 < float(home["price_low"]) <= float(home["price"]) <= float(home["price_high"]) for home in valued)


@pytest.mark.parametrize("protocol", ["http", "grpc", "generate"])
def test_all_protocols_write_the_same(
    protocol: str, service: Service, homes: Path, undisturbed: tuple[str, str], tmp_path: Path
) -> None:
    url = service.grpc if protocol == "grpc" else service.http
    run = Run(tmp_path, homes, ("--url", url, "--protocol", protocol))
    said = run.finish(run.start(("-m", "client.value_homes")))
    assert f"{HOMES:,} homes: {HOMES - len(BAD) - 1:,} valued, {len(BAD) + 1} rejected" in said
    assert f"Valued by {service.card.price_model}" in said
    assert run.written() == undisturbed


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_killed_is_taken_up(
    how: signal.Signals, service: Service, homes: Path, undisturbed: tuple[str, str], tmp_path: Path
) -> None:
    run = Run(tmp_path, homes, ("--protocol", "grpc", "--url", service.grpc, "--batch", str(BATCH)))
    for _ in range(2):
        before = run.settled()
        process = run.start_and_halt()
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        said = run.finish(process, ends_with=-how if how is signal.SIGKILL else 130)
        assert before < run.settled() < HOMES
        assert "Traceback" not in said
        assert ("the same command goes on from here" in said) == (how is signal.SIGINT)
    done = run.settled()
    assert f"{done:,} of them are from an earlier run" in run.finish()
    assert run.written() == undisturbed
    assert "is there already" in run.finish(ends_with=2)


@pytest.mark.parametrize(
    ("protocol", "end"), [("grpc", EmbeddedServer.kill), ("http", EmbeddedServer.kill), ("grpc", EmbeddedServer.stop)]
)
def test_a_service_that_restarts_is_waited_for(
    protocol: str,
    end: Callable[[EmbeddedServer], None],
    server: EmbeddedServer,
    homes: Path,
    undisturbed: tuple[str, str],
    tmp_path: Path,
) -> None:
    url = server.grpc_address if protocol == "grpc" else server.http_address
    patient = ("--batch", str(BATCH), "--patience", "600")
    run = Run(tmp_path, homes, ("--url", url, "--protocol", protocol, *patient))
    process = run.start_and_halt()
    end(server)
    server.stop()
    process.send_signal(signal.SIGCONT)
    assert process.stderr is not None
    assert any("waiting, since" in line for line in process.stderr)
    with EmbeddedServer(server.repository, log_path=tmp_path / "again.log", ports=server.ports):
        run.finish(process)
    assert run.written() == undisturbed


def test_a_service_that_stays_away_ends_the_run_but_not_the_work(
    server: EmbeddedServer, service: Service, homes: Path, undisturbed: tuple[str, str], tmp_path: Path
) -> None:
    run = Run(
        tmp_path, homes, ("--protocol", "grpc", "--url", server.grpc_address, "--batch", str(BATCH), "--patience", "1")
    )
    process = run.start_and_halt()
    server.kill()
    process.send_signal(signal.SIGCONT)
    assert "no gRPC service listens at" in run.finish(process, ends_with=2)
    Run(tmp_path, homes, ("--protocol", "grpc", "--url", service.grpc, "--batch", str(BATCH))).finish()
    assert run.written() == undisturbed


def test_a_version_swap_on_the_way_loses_nothing_and_is_said(
    server: EmbeddedServer,
    repository: Path,
    publish: Callable[[Path, int], str],
    published: tuple[Path, Card],
    homes: Path,
    tmp_path: Path,
) -> None:
    run = Run(tmp_path, homes, ("--protocol", "grpc", "--url", server.grpc_address, "--batch", str(BATCH)))
    process = run.start_and_halt()
    new = publish(repository, 8)
    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(new)
    process.send_signal(signal.SIGCONT)
    said = run.finish(process)
    valued, rejected = (list(csv.DictReader(text.splitlines())) for text in run.written())
    assert sorted(int(home["line"]) for home in valued + rejected) == list(range(2, HOMES + 2))
    models = [home["price_model"] for home in valued]
    old = published[1].price_model
    assert set(models) == {old, new}
    assert "prices are of different models" in said
    for model in (old, new):
        assert f"{model} ({models.count(model):,} homes)" in said


@pytest.mark.parametrize("model", ["house_price", "house_prices"])
def test_what_cannot_be_asked_is_said_before_anything_is_written(model: str, service: Service, tmp_path: Path) -> None:
    homes = tmp_path / "homes.csv"
    homes.write_text("bedrooms,zipcode\n3,98118\n")
    said = Run(tmp_path, homes, ("--protocol", "grpc", "--url", service.grpc, "--model", model)).finish(ends_with=2)
    assert ("homes.csv lacks: bathrooms" if model == "house_price" else "serves no model 'house_prices'") in said
    assert [path.name for path in tmp_path.iterdir()] == ["homes.csv"]
