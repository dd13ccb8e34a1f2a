"""A version as it is judged: what its graph answers, and what its procedure had said of sales that it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from conversion.graph import run, session
from publishing.card import Card
from publishing.contract import MODEL_FILE
from publishing.proof_file import read_proof
from training.gaps import only_required
from training.proof import Proof
from training.sales import Sales
from training.valuations import Valuations, ValuedSales

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Rows = npt.NDArray[np.intp]

Market = Literal["average", "day", "served"]
"""The market that prices are compared at: the average one of a version's sales, that of the day on which each home was
sold, or the one that a version serves for."""


@dataclass(frozen=True)
class Judged:
    """Hold a version beside the sales that it is judged by."""

    card: Card
    running: InferenceSession
    proof: Proof | None
    sales: Sales

    @classmethod
    def read(cls, folder: Path, sales: Sales) -> Judged:
        """Read a version's files. Raises Refused when its card or its proof is broken."""
        card = Card.read(folder)
        return cls(card, session((folder / MODEL_FILE).read_bytes()), read_proof(folder, card), sales)

    @property
    def made_here(self) -> bool:
        """Return whether the card says that the version was made from these very sales."""
        return self.card.data.fingerprint == self.sales.summary.fingerprint

    @property
    def has_index(self) -> bool:
        """Return whether the card holds the market's level by month."""
        return self.card.market is not None and bool(self.card.market.levels)

    @cached_property
    def found(self) -> tuple[Rows, Rows]:
        """Return the places in the proof [M], and the rows among the sales [M], of those that stand in both."""
        return self.proof.among(self.sales) if self.proof else (np.empty(0, np.intp), np.empty(0, np.intp))

    @cached_property
    def unseen(self) -> npt.NDArray[np.bool_]:
        """Return for each sale [N] whether the version told its price before it had seen the home.

        That is what its proof says. A version without one was kept from the firm's held-out sales if it was made here.
        """
        unseen = np.zeros(len(self.sales), dtype=bool)
        unseen[self.found[1] if self.proof else self.sales.held_out if self.made_here else []] = True
        return unseen

    @cached_property
    def later(self) -> npt.NDArray[np.bool_]:
        """Return for each sale [N] whether it was made after the last one that the version knows."""
        if self.made_here:
            return np.zeros(len(self.sales), dtype=bool)
        return np.asarray(self.sales.days > np.datetime64(self.card.data.last_sale))

    def proven(self, required: bool) -> ValuedSales:
        """Return what the proof says of the sales that are found here, beside the prices that are known here."""
        assert self.proof is not None, "only a version with a proof is asked"
        places, rows = self.found
        return self.proof.told(required)[places].paid_as(self.sales.prices[rows])

    def valued(self, rows: Rows, required: bool) -> ValuedSales:
        """Let the graph value sales, at the average market."""
        table = self.sales.table[rows]
        answers = run(self.running, only_required(table) if required else table)
        at_average = (
            (answers[name] / self.card.market_factor).astype(np.float64)
            for name in ("price", "price_low", "price_high")
        )
        return Valuations(*at_average).of(self.sales.prices[rows], self.sales.homes[rows])

    def prices(self, rows: Rows, required: bool, market: Market) -> npt.NDArray[np.float64]:
        """Return the prices [M] of some sales: those of the proof where it knows a sale, the graph's elsewhere."""
        prices = np.full(len(self.sales), np.nan)
        if self.proof:
            prices[self.found[1]] = self.proven(required).price
        rest = rows[np.isnan(prices[rows])]
        if len(rest):
            prices[rest] = self.valued(rest, required).price
        if market == "served":
            return prices[rows] * self.card.market_factor
        if market == "day" and self.card.market is not None:
            return prices[rows] * self.card.market.at(self.sales.days[rows])
        return prices[rows]
