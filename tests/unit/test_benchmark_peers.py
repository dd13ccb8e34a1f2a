"""The peers of the benchmark: what is said when one is missing, and that each has all it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from benchmarks import PEER_FOLDERS, environments, wrk
from benchmarks.__main__ import app
from benchmarks.catalogue import PEERS
from tests.conftest import ROOT


def test_an_unknown_peer_is_refused() -> None:
    if wrk.missing():
        pytest.skip("needs wrk")
    ran = CliRunner().invoke(app, ["--peer", "flask"])
    assert ran.exit_code == 2
    assert "fastapi_onnx" in ran.output


@pytest.mark.slow
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


WITH_NO_OTHER_PACKAGE = """
import sys
from importlib.metadata import packages_distributions

pinned = set(sys.argv[1:])
absent = {
    name
    for name, packages in packages_distributions().items()
    if not pinned & {package.lower() for package in packages}
}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
import training.improved, training.basic, benchmarks.peers.pandas_valuer
"""


@pytest.mark.parametrize("peer", ["fastapi_sklearn", "mlserver_sklearn"])
def test_a_peer_has_all_that_a_trained_model_imports(peer: str) -> None:
    """A peer with scikit-learn unpickles the model in an environment of its own."""
    lines = (PEER_FOLDERS / peer / "requirements.txt").read_text().splitlines()
    pinned = [line.partition("==")[0].lower() for line in lines if "==" in line]
    subprocess.run([sys.executable, "-c", WITH_NO_OTHER_PACKAGE, *pinned], check=True, cwd=ROOT)
