"""The improved model as it is published: trained, converted, and proven for whatever a caller leaves out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.card import Market, libraries
from conversion.converted import Converted
from conversion.gaps import only_required
from conversion.improved_graph import convert_improved
from conversion.improved_model import ImprovedModel, train_improved
from conversion.onnx_graph import HIGH, LOW, POINT, run, session
from conversion.parity import TOLERANCE_DOLLARS, TOLERANCE_RELATIVE, Parity
from conversion.sales import Sales
from preprocessing.columns import HOME_COLUMN_NAMES, OPTIONAL_COLUMN_NAMES, POSITION


def train(sales: Sales, seed: int = 0) -> ImprovedModel:
    """On the firm's training rows without the example homes, at the market of the latest sales."""
    rows = sales.unexampled
    return train_improved(sales.table[rows], sales.prices[rows], sales.homes[rows], sales.days[rows], seed).at("latest")


def convert_and_compare(model: ImprovedModel, table: npt.NDArray[np.float32]) -> Converted:
    """Convert it, and compare price and range on features [N,44]: whole, with the required columns
    only, and with each optional column missing in turn.
    """
    point = convert_improved(model)
    running = session(point.SerializeToString())
    prices = run(running, table)[POINT].astype(np.float64)
    homes, differing, largest = 0, 0, 0.0
    for given in (table, only_required(table), *(without(table, name) for name in OPTIONAL_COLUMN_NAMES)):
        expected, answers = model.value(given), run(running, given)
        for values, name in ((expected.price, POINT), (expected.low, LOW), (expected.high, HIGH)):
            differences = np.abs(answers[name] - values)
            tolerance = np.maximum(TOLERANCE_DOLLARS, TOLERANCE_RELATIVE * values)
            differing += int(np.count_nonzero(~(differences <= tolerance)))
            largest = max(largest, float(differences.max()))
        homes += len(given)
    market = Market(str(model.market.reference), model.factor, model.market.sales)
    parity = Parity(homes, differing, largest, ())
    return Converted(model.name, HOME_COLUMN_NAMES, point, prices, parity, libraries(), market)


def without(table: npt.NDArray[np.float32], column: str) -> npt.NDArray[np.float32]:
    """Features [N,44] of homes for which one column was not given."""
    gap = table.copy()
    gap[:, POSITION[column]] = np.nan
    return gap
