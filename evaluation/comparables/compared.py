"""Homes with the comparable sales that an agent would have had on the day of their own sale.

Every model is one that was trained on other homes. It values the home, and what it once said of its own training sales
before it had seen them, its proof, values the comparables: as in service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.runs import GivenColumns, Refit, as_given
from market_analysis.adjustment import adjust
from market_analysis.past_sales import PastSales
from market_analysis.selection import COMPARABLES, select
from training.location import HOME
from training.sales import Sales
from training.valuations import Floats, ValuedSales

DAYS_BEFORE = 214
"""Homes are looked at that were sold seven months after the first sale, or later: the first have hardly any before."""

Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]

_NEVER = np.datetime64("9999-12-31")


@dataclass(frozen=True)
class Picked:
    """Hold up to K comparables of N homes, each [N,K] with NaN in empty places, most similar first.

    ``row`` is the sale's number among all sales; ``miles``, ``paid``, ``adjusted`` and ``gross`` are as the analysis
    has them; ``level`` is the market's on the day of sale. ``unseen`` is the home's value at the average market before
    the model had seen its sale, ``seen`` after it had learned from it.
    """

    row: Floats
    miles: Floats
    paid: Floats
    adjusted: Floats
    gross: Floats
    level: Floats
    unseen: Floats
    seen: Floats


@dataclass(frozen=True)
class Compared:
    """Hold N homes, how a model that had not seen them values them, and their comparables.

    ``row`` [N] are their numbers among all sales. ``valued`` are price and range at the market of the day of sale;
    ``value`` [N] is the price at the average market and ``level`` [N] what lies between both. ``limits`` [N] is the
    place of the limits that the comparables passed, from 0, the strictest; -1 without any. ``unusual`` [N] counts the
    sales that were left out as unusual.
    """

    row: Whole
    valued: ValuedSales
    value: Floats
    level: Floats
    limits: Whole
    unusual: Whole
    picked: Picked

    def __len__(self) -> int:
        """Return the number of homes."""
        return len(self.row)

    def __getitem__(self, rows: Mask | npt.NDArray[np.intp]) -> Compared:
        """Return some of the homes, by a mask or by their numbers."""
        picked = Picked(*(getattr(self.picked, one.name)[rows] for one in fields(Picked)))
        some = {one.name: getattr(self, one.name)[rows] for one in fields(self) if one.name != "picked"}
        return Compared(**some, picked=picked)

    @property
    def count(self) -> Whole:
        """Return how many comparables each home has [N]."""
        return np.asarray(np.isfinite(self.picked.row).sum(axis=1))

    def at(self, prices: Floats) -> ValuedSales:
        """Return the homes at the mean of what each comparable says [N,K], between the lowest and the highest of it.

        Each home must have a comparable.
        """
        mean, low, high = (told(prices, axis=1) for told in (np.nanmean, np.nanmin, np.nanmax))
        return replace(self.valued, price=mean, low=low, high=high)


@dataclass(frozen=True)
class Asked:
    """Hold how comparables are asked for; the defaults are the service's."""

    count: int = COMPARABLES
    columns: GivenColumns = GivenColumns.FULL
    unusual_too: bool = False
    """Whether sales far from what their columns explain may be comparables, too."""
    ahead: bool = False
    """Whether the model was trained before the homes' days of sale and values for the day that its index leads to.

    If not, the market's level of the day of sale is known."""


AS_SERVED = Asked()


def compared(sales: Sales, refits: Sequence[Refit], asked: Asked = AS_SERVED) -> Compared:
    """Find comparables for the homes that each of these models was kept from, among the sales before theirs."""
    return joined([_compared(sales, refit, asked) for refit in refits])


def joined(parts: Sequence[Compared]) -> Compared:
    """Join the homes of several models."""

    def together(one: str, of: Sequence[object]) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, one) for part in of])

    valued = ValuedSales(*(together(one.name, [part.valued for part in parts]) for one in fields(ValuedSales)))
    picked = Picked(*(together(one.name, [part.picked for part in parts]) for one in fields(Picked)))
    plain = [one.name for one in fields(Compared) if one.name not in ("valued", "picked")]
    return Compared(**{name: together(name, parts) for name in plain}, valued=valued, picked=picked)


def past_sales(sales: Sales, refit: Refit) -> PastSales:
    """Return the sales that a model was trained on, as its version would carry them."""
    known, said = sales[refit.fold.train], refit.model.proof.whole
    level = refit.model.market.at(known.days)
    homes = known.table[:, HOME]
    return PastSales(known.homes, known.days, known.prices, homes, said.price, said.low, said.high, level)


def looked_at(sales: Sales, refit: Refit) -> npt.NDArray[np.intp]:
    """Return the homes that a model was kept from: sold late enough, and never among the sales that it learned from."""
    fold = refit.fold
    late = sales.days[fold.test] >= sales.days.min() + np.timedelta64(DAYS_BEFORE, "D")
    own: npt.NDArray[np.intp] = fold.test[late & ~np.isin(sales.homes[fold.test], sales.homes[fold.train])]
    return own


def sold_again(homes: Whole, days: Days) -> Days:
    """Return for each sale [N] the day on which its home was sold the next time; the end of time if it was not."""
    order = np.lexsort((days, homes))
    following = np.full(len(days), _NEVER, dtype="datetime64[D]")
    again = homes[order][1:] == homes[order][:-1]
    following[order[:-1][again]] = days[order[1:][again]]
    return following


def _compared(sales: Sales, refit: Refit, asked: Asked) -> Compared:
    model, past, own = refit.model, past_sales(sales, refit), looked_at(sales, refit)
    if asked.unusual_too:
        past = replace(past, low=np.zeros(len(past)), high=np.full(len(past), np.inf))
    table = as_given(sales.table[own], asked.columns)
    said = model.at("average").value(table)
    days = np.full(len(own), np.datetime64(model.market.valued_for)) if asked.ahead else sales.days[own]
    level = np.full(len(own), model.market.factor) if asked.ahead else model.market.at(days)
    seen = model.price_model.price(model.price_model.columns(sales.table[refit.fold.train]))
    again = sold_again(past.ids, past.days)

    limits, unusual = np.zeros((2, len(own)), dtype=np.int64)
    picked = np.full((len(own), asked.count, len(fields(Picked))), np.nan)
    for place, (home, day) in enumerate(zip(table[:, HOME], days, strict=True)):
        # A home sold twice is its last sale before the day: two of one home would be no two comparables.
        known_then = (past.days < day) & (day <= again)
        found = select(home, float(said.price[place]), past, day, known_then, asked.count)
        rows = found.rows
        told = adjust(past, rows, float(said.price[place]), float(level[place]))
        limits[place], unusual[place] = found.level, found.unusual
        picked[place, : len(rows)] = np.column_stack(
            [
                refit.fold.train[rows],
                found.miles,
                told.paid,
                told.price,
                told.gross,
                past.level[rows],
                past.price[rows],
                seen[rows],
            ]
        )
    return Compared(
        row=own,
        valued=ValuedSales(
            said.price * level, said.low * level, said.high * level, sales.prices[own], sales.homes[own]
        ),
        value=said.price,
        level=level,
        limits=limits,
        unusual=unusual,
        picked=Picked(*np.moveaxis(picked, 2, 0)),
    )
