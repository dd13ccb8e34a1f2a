"""A scikit-learn model that has become ONNX, with the proof that it still values homes alike.

It can be kept in a folder, because a pickle must be converted by the scikit-learn release that
wrote it, and that may live in another environment than the one that publishes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx
from sklearn.neighbors import KNeighborsRegressor

from conversion import Refused, one_line
from conversion.graph import CONVERTIBLE, POINT, PRICE, convert, has_range, run, session
from conversion.neighbours import valid_prices
from conversion.parity import TOLERANCE_DOLLARS, Parity, Tie, compare
from conversion.wrapping import unwrap
from training.basic import Estimator, pick
from training.gaps import in_every_way
from training.market_index import MarketIndex

if TYPE_CHECKING:  # models handed over are converted where what reads and checks the sales is not installed
    from training.proof import Proof

_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")
_GRAPH, _PRICES, _FACTS = "point.onnx", "prices.npy", "converted.json"


@dataclass(frozen=True)
class Converted:
    """Hold a model as a graph: ``features`` FP32 [N,44] to ``POINT`` [N,1], or to ``PRICES`` with a range of its own.

    ``prices`` [N] in dollars are what it answered for the homes on which parity was checked. ``proof`` is there for a
    model that was trained here and learned from every sale.
    """

    name: str
    columns: tuple[str, ...]
    point: onnx.ModelProto
    prices: npt.NDArray[np.float64]
    parity: Parity
    libraries: Mapping[str, str]
    market: MarketIndex | None = None
    proof: Proof | None = None

    def price(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return prices [N] in dollars of features [N,44], from the graph."""
        answers = run(session(self.point.SerializeToString()), table)
        return answers[PRICE if has_range(self.point) else POINT].astype(np.float64)

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
        try:
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
        except Exception as error:  # files from elsewhere may be broken in any way
            raise Refused(f"{folder} is no converted model: {one_line(error)}: convert it again") from error
        if here.shape != converted.prices.shape or np.abs(here - converted.prices).max() > TOLERANCE_DOLLARS:
            raise Refused(f"{folder} values the held-out sales differently here: convert it again with today's data")
        return converted


@dataclass(frozen=True)
class _Asked:
    """Hold features [N,44] told in one way, and what scikit-learn answers: prices [N] in dollars."""

    given: str
    table: npt.NDArray[np.float32]
    expected: npt.NDArray[np.float64]


def convert_estimator(estimator: Estimator, table: npt.NDArray[np.float32]) -> Converted:
    """Convert an estimator, and compare both on features [N,44] told in every way.

    Raises Refused when it cannot be converted, values a home differently then, or gives no price for one.
    """
    asked = list(_ask(estimator, table))
    refusals = []
    for double in (True, False):
        try:
            return _prove(estimator, convert(estimator, double=double), asked)
        except Refused as refused:
            refusals.append(refused)
    # Single precision is a second attempt: its own complaint would lead astray.
    raise refusals[0]


def _ask(estimator: Estimator, table: npt.NDArray[np.float32]) -> Iterator[_Asked]:
    """Let scikit-learn value homes in every way that differs for this estimator. Raises Refused for a non-price."""
    known = set()
    for given, told in in_every_way(table):
        missing = frozenset(np.array(estimator.columns)[np.isnan(pick(told, estimator.columns)).all(axis=0)])
        if missing in known:
            continue
        known.add(missing)
        try:
            expected = estimator.predict(told)
        except Exception as error:  # whatever a model from elsewhere raises
            raise Refused(_cannot_value(given, sorted(missing), error)) from error
        if expected.shape != (len(told),):
            raise Refused(f"it answers {expected.shape} values for {len(told)} homes: one price for each is asked for")
        if not (priced := np.isfinite(expected)).all():
            raise Refused(f"it gives no price for held-out home {int(np.argmin(priced))} with {given} given")
        if not (positive := expected > 0).all():
            row = int(np.argmin(positive))
            raise Refused(
                f"it values held-out home {row} at ${expected[row]:,.0f} with {given} given, and a price must be above "
                "0: learn the log of the price, as TransformedTargetRegressor(func=np.log, inverse_func=np.exp) does"
            )
        yield _Asked(given, told, expected)


def _cannot_value(given: str, missing: list[str], error: Exception) -> str:
    if not missing:
        return f"scikit-learn itself cannot value homes with it: {one_line(error)}"
    return (
        f"it reads {', '.join(missing)}, which callers may leave out, and cannot value a home with {given} given: "
        f"{one_line(error)}. Let it read required columns only, or fill gaps itself: SimpleImputer as its first step, "
        "or HistGradientBoostingRegressor"
    )


def _prove(estimator: Estimator, point: onnx.ModelProto, asked: list[_Asked]) -> Converted:
    """Return a converted estimator if its graph answers as it does. Raises Refused."""
    running = session(point.SerializeToString())
    answers, proofs = [], []
    for one in asked:
        try:
            answers.append(run(running, one.table)[POINT].astype(np.float64))
        except Exception as error:  # ONNX Runtime's exceptions share no base of their own
            raise Refused(f"converted to ONNX, it cannot value a home: {one_line(error)}. {CONVERTIBLE}") from error
        proofs.append(_parity(estimator, one, answers[-1]))
        if proofs[-1].differing:
            raise Refused(
                f"converted to ONNX, it prices {proofs[-1].differing:,} of {len(one.table):,} homes differently with "
                f"{one.given} given, by up to ${proofs[-1].largest_difference:,.0f}. {CONVERTIBLE}"
            )
    ties = {tie.row: tie for proof in reversed(proofs) for tie in proof.ties}
    parity = Parity(
        homes=sum(proof.homes for proof in proofs),
        differing=0,
        largest_difference=max(proof.largest_difference for proof in proofs),
        ties=tuple(ties[row] for row in sorted(ties)),
    )
    return Converted(estimator.name, estimator.columns, point, answers[0], parity, libraries())


def _parity(estimator: Estimator, asked: _Asked, prices: npt.NDArray[np.float64]) -> Parity:
    """Compare prices [N] of the graph with the estimator's own."""
    unwrapped = unwrap(estimator.regressor)
    if not isinstance(unwrapped.regressor, KNeighborsRegressor):
        return compare(asked.expected, prices)
    columns = unwrapped.columns(pick(asked.table, estimator.columns))
    choices = [unwrapped.dollars(said) for said in valid_prices(unwrapped.regressor, columns)]
    ties = tuple(
        Tie(row, float(prices[row]), tuple(map(float, valid))) for row, valid in enumerate(choices) if len(valid) > 1
    )
    nearest = [valid[np.abs(valid - price).argmin()] for valid, price in zip(choices, prices, strict=True)]
    # Neighbours are found in double precision: no relative tolerance is needed.
    return compare(np.array(nearest), prices, relative=0.0, ties=ties)


def libraries() -> dict[str, str]:
    """Return the versions of Python and of the libraries that make a model here."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
