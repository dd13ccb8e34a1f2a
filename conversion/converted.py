"""A scikit-learn model that has become ONNX, with the proof that it still values homes alike.

It can be kept in a folder, because a pickle must be converted by the scikit-learn release that
wrote it, and that may live in another environment than the one that publishes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from sklearn.neighbors import KNeighborsRegressor

from conversion import Refused
from conversion.graph import POINT, convert, run, session
from conversion.neighbours import valid_prices
from conversion.parity import TOLERANCE_DOLLARS, Parity, Tie, compare
from training.basic import Estimator, pick
from training.market_level import MarketLevel

_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")
_GRAPH, _PRICES, _FACTS = "point.onnx", "prices.npy", "converted.json"


@dataclass(frozen=True)
class Converted:
    """Hold a model as a graph: ``features`` FP32 [N,44] to ``dollars`` [N,1], with a range of its own or without.

    ``prices`` [N] in dollars are what it answered for the homes on which parity was checked.
    """

    name: str
    columns: tuple[str, ...]
    point: onnx.ModelProto
    prices: npt.NDArray[np.float64]
    parity: Parity
    libraries: Mapping[str, str]
    market: MarketLevel | None = None

    def price(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return prices [N] in dollars of features [N,44], from the graph."""
        return run(session(self.point.SerializeToString()), table)[POINT].astype(np.float64)

    def write(self, folder: Path) -> None:
        """Write it into a folder, for ``read``."""
        onnx.save_model(self.point, folder / _GRAPH)
        np.save(folder / _PRICES, self.prices)
        facts = {
            "name": self.name,
            "columns": self.columns,
            "parity": asdict(self.parity),
            "libraries": dict(self.libraries),
        }
        (folder / _FACTS).write_text(json.dumps(facts, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path, table: npt.NDArray[np.float32]) -> Converted:
        """Read one from a folder, given features [N,44] of the homes on which parity was checked.

        Raises Refused when it is incomplete, or prices those homes differently here.
        """
        if missing := [name for name in (_GRAPH, _PRICES, _FACTS) if not (folder / name).is_file()]:
            raise Refused(f"{folder} is no converted model: it lacks {', '.join(missing)}")
        facts = json.loads((folder / _FACTS).read_text())
        parity = facts["parity"]
        ties = tuple(Tie(tie["row"], tie["price"], tuple(tie["valid_prices"])) for tie in parity.pop("ties"))
        converted = cls(
            facts["name"],
            tuple(facts["columns"]),
            onnx.load_model(folder / _GRAPH),
            np.load(folder / _PRICES),
            Parity(**parity, ties=ties),
            facts["libraries"],
        )
        here = converted.price(table)
        if here.shape != converted.prices.shape or np.abs(here - converted.prices).max() > TOLERANCE_DOLLARS:
            raise Refused(f"{folder} values the held-out sales differently here: convert it again with today's data")
        return converted


def convert_estimator(estimator: Estimator, table: npt.NDArray[np.float32]) -> Converted:
    """Convert an estimator and compare both on features [N,44]."""
    point = convert(estimator)
    prices = run(session(point.SerializeToString()), table)[POINT].astype(np.float64)
    return Converted(estimator.name, estimator.columns, point, prices, _parity(estimator, table, prices), libraries())


def _parity(estimator: Estimator, table: npt.NDArray[np.float32], prices: npt.NDArray[np.float64]) -> Parity:
    """Compare prices [N] of the graph with the estimator's own, for features [N,44]."""
    *before, last = (step for _, step in getattr(estimator.regressor, "steps", [("", estimator.regressor)]))
    if not isinstance(last, KNeighborsRegressor):
        return compare(estimator.predict(table), prices)
    columns = pick(table, estimator.columns)
    scaled = estimator.regressor[:-1].transform(columns) if before else columns
    choices = valid_prices(last, np.asarray(scaled, dtype=np.float64))
    ties = tuple(
        Tie(row, float(prices[row]), tuple(map(float, valid))) for row, valid in enumerate(choices) if len(valid) > 1
    )
    nearest = [valid[np.abs(valid - price).argmin()] for valid, price in zip(choices, prices, strict=True)]
    # Neighbours are found in double precision: no relative tolerance is needed.
    return compare(np.array(nearest), prices, relative=0.0, ties=ties)


def libraries() -> dict[str, str]:
    """Return the versions of Python and of the libraries that make a model here."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
