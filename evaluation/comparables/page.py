"""The page docs/comparables.md: its text with the figures in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from pathlib import Path

from evaluation.comparables.accuracy import FAR_OFF, Part, Way
from evaluation.comparables.findings import FIGURES, ComparablesFindings
from evaluation.comparables.grades import Grade
from evaluation.comparables.reason_quality import MORE, WORTH_NAMING, GroupQuality
from evaluation.comparables.ten_homes import LookedAt
from evaluation.metrics import DRAWS, Estimate
from evaluation.report import NOTICE, PICTURES
from evaluation.tables import HEADINGS
from evaluation.targets import amount
from market_analysis.confidence import HIGH_BELOW, MEDIUM_TO
from market_analysis.doubts import MOST_APART, MOST_GROSS, MOST_SPREAD, NEAR
from market_analysis.selection import COMPARABLES, LAST_LEVEL, LEVELS

TEMPLATE = Path(__file__).with_name("comparables.md")
PAGE = "comparables.md"

_SHOWN = ("mdape", "ppe10", "ppe20", "bias", "coverage", "width")


def write_comparables(findings: ComparablesFindings, folder: Path) -> list[Path]:
    """Write the page and its figures into ``folder``; return their paths."""
    page, figures = folder / PAGE, folder / PICTURES / FIGURES
    figures.parent.mkdir(exist_ok=True)
    page.write_text(text(findings))
    findings.write(figures)
    return [page, figures]


def text(findings: ComparablesFindings) -> str:
    """Return the page as Markdown."""
    model, served, unusual, seen, home_alone, market_alone, _, as_paid = (way.metrics for way in findings.ways)
    ahead_model, ahead_served, ahead_paid = (way.metrics for way in findings.ahead)
    high, medium, low, everyone = findings.grades["full"]
    return TEMPLATE.read_text().format(
        f=findings,
        notice=NOTICE if findings.data.standin else "",
        draws=DRAWS,
        count=COMPARABLES,
        model=model,
        served=served,
        unusual=unusual,
        seen=seen,
        home_alone=home_alone,
        market_alone=market_alone,
        as_paid=as_paid,
        ahead_model=ahead_model,
        ahead_served=ahead_served,
        ahead_paid=ahead_paid,
        far=FAR_OFF,
        far_off=_all(findings).far_off,
        high=high,
        medium=medium,
        low=low,
        everyone=everyone,
        high_below=HIGH_BELOW,
        medium_to=MEDIUM_TO,
        worth_naming=WORTH_NAMING * 100,
        most_spread=MOST_SPREAD,
        most_apart=MOST_APART,
        most_gross=MOST_GROSS,
        near=NEAR,
        shown=sum(home.shown for home in findings.ten),
        ten=len(findings.ten),
        table_ways=_ways(findings.ways),
        table_ahead=_ways(findings.ahead),
        table_required=_ways(findings.ways_required),
        table_numbers=_parts("comparables asked for", findings.numbers),
        table_limits=_limits(findings.limits, findings.homes),
        table_distances=_parts("mean distance", findings.distances),
        table_prices=_parts("valued at", findings.prices),
        table_grades=_grades(findings.grades["full"]),
        table_grades_required=_grades(findings.grades["required"]),
        table_reasons=_reasons(findings.reasons.groups),
        homes="\n\n".join(_home(number, home) for number, home in enumerate(findings.ten, start=1)),
    )


def _all(findings: ComparablesFindings) -> Part:
    """Return the figures of all homes with as many comparables as are served."""
    return next(part for part in findings.numbers if part.name == f"{COMPARABLES}")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ways(ways: Sequence[Way]) -> str:
    def shown(metric: str, found: Estimate) -> str:
        low, high = (amount(metric, side).removesuffix(" %") for side in (found.low, found.high))
        return f"{amount(metric, found.value)} ({low} to {high})"

    headings = ("told by", "homes", "MdAPE", "PPE10", "PPE20", "bias", "range or spread holds", "its width")
    return _table(
        headings,
        ([way.name, f"{way.homes:,}", *(shown(metric, way.metrics[metric]) for metric in _SHOWN)] for way in ways),
    )


_PART_HEADINGS = (
    "homes",
    "MdAPE",
    "PPE10",
    "spread holds",
    "model's MdAPE",
    "miles",
    "gross adjustment",
    f"homes with one over {FAR_OFF} % off",
)


def _parts(what: str, parts: Sequence[Part]) -> str:
    return _table((what, *_PART_HEADINGS), ([part.name, *_part(part)] for part in parts))


def _part(part: Part) -> Iterator[str]:
    yield f"{part.homes:,}"
    yield from (amount(metric, part.comparables[metric]) for metric in ("mdape", "ppe10", "coverage"))
    yield amount("mdape", part.model["mdape"])
    yield "" if isnan(part.miles) else f"{part.miles:.2f}"
    yield from (amount("", value) for value in (part.gross, part.far_off))


def _limits(parts: Sequence[Part], homes: int) -> str:
    names = [
        *(
            f"{place}: {level.miles:g} mi, {level.months:g} months, area ±{level.area:.0%}, grade ±{level.grade:g}, "
            f"lot x{level.lot:g}"
            for place, level in enumerate(LEVELS[:LAST_LEVEL])
        ),
        f"{LAST_LEVEL}: the most similar anywhere, flagged",
        "none",
    ]
    return _table(
        ("limits", "share", *_PART_HEADINGS),
        ([name, f"{part.homes / homes:.1%}", *_part(part)] for name, part in zip(names, parts, strict=True)),
    )


def _grades(grades: Sequence[Grade]) -> str:
    shown = ("mdape", "ppe10", "ppe20", "coverage")
    headings = ("confidence", "homes", "share", "median FSD", *(HEADINGS[metric] for metric in shown), "within one FSD")
    return _table(
        headings,
        (
            [
                grade.name,
                f"{grade.homes:,}",
                amount("", grade.share),
                "" if isnan(grade.fsd) else f"{grade.fsd:.3f}",
                *(amount(metric, grade.metrics[metric]) for metric in shown),
                amount("", grade.within_fsd),
            ]
            for grade in grades
        ),
    )


def _reasons(groups: Sequence[GroupQuality]) -> str:
    return _table(
        ("group", "dollars, on average", "spread over trainings", "wrong sign", "agrees with a step more", "step"),
        (
            [
                one.group,
                f"${one.dollars:,.0f}",
                f"${one.spread:,.0f}",
                amount("", one.wrong_sign),
                amount("", one.agrees),
                f"`{MORE[one.group][0]}` + {MORE[one.group][1]:,}" if one.group in MORE else "",
            ]
            for one in groups
        ),
    )


def _home(number: int, home: LookedAt) -> str:
    rows = [
        [sale.home, f"{sale.miles:.1f}", f"{sale.months}", _money(sale.paid), f"{sale.gross} %", _money(sale.adjusted)]
        for sale in home.comparables
    ]
    headings = ("comparable", "miles", "months before", "paid", "gross adjustment", "adjusted")
    lines = [
        f"### {number}. {home.home}",
        f"Estimate {_money(home.estimate)} ({_money(home.low)} to {_money(home.high)}), confidence {home.confidence}; "
        f"comparables together {_money(home.together)}, limits {home.limits}. "
        f"**Sold for {_money(home.sold_for)}** in {home.sold}.",
        _table(headings, rows) if rows else "No comparables.",
        home.judgement,
    ]
    return "\n\n".join(lines)


def _money(dollars: float) -> str:
    return f"${dollars:,.0f}"
