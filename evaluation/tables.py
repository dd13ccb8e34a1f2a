"""The report's tables, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evaluation.ablation import IMPROVED, StepFigures
from evaluation.findings import LEAST_SALES, Cell, Findings, Retraining
from evaluation.graph import COMMAND
from evaluation.metrics import METRICS, Estimate
from evaluation.runs import BY_DATE, GivenColumns, Model, usual_level
from evaluation.splits import Split
from evaluation.targets import ONNX, TARGETS, ZIPCODES, Between, Goal, amount

HEADINGS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R2",
    "mape": "MAPE",
    "mdape": "MdAPE",
    "ppe5": "PPE5",
    "ppe10": "PPE10",
    "ppe20": "PPE20",
    "bias": "bias",
    "coverage": "range holds",
    "width": "range width",
}


_FIRM_CELLS = ("random_basic_full", "random_improved_full")


def tables(findings: Findings) -> dict[str, str]:
    """Return every table by the name that the text has for it."""
    return {
        "table_targets": _targets(findings),
        "table_splits": _splits(findings),
        "table_commands": _commands(findings),
        "table_ablation": _ablation(findings),
        "table_neighbours": _neighbours(findings),
        "table_seeds": _seeds(findings),
        "table_gain": _gain(findings),
        "table_months": _months(findings),
        "table_learning": _learning(findings),
        "table_ranges": _ranges(findings),
        "table_bands": _bands(findings),
        "table_importance": _importance(findings),
        "table_zipcodes": _zipcodes(findings),
        "table_worst": _worst(findings),
    }


def command(cell: Cell) -> str:
    """Return the command that prints a cell."""
    level = "" if cell.level == usual_level(cell.split) else f" --level {cell.level}"
    return (
        f"python -m evaluation --split {cell.split.value} --model {cell.model.value} "
        f"--columns {cell.columns.value}{level} --json"
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], words: int = 0) -> str:
    """Write a table: the first column and the last ``words`` ones are aligned left, the figures between them right."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1 - words), *["---"] * words], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with_interval(metric: str, found: Estimate) -> str:
    return f"{amount(metric, found.value)} ({_bare(metric, found.low)} to {_bare(metric, found.high)})"


def _bare(metric: str, value: float) -> str:
    return amount(metric, value).removesuffix(" %")


def _targets(findings: Findings) -> str:
    cells = {cell.name: cell for cell in findings.cells}
    grouped = cells["grouped_improved_full"]

    def row(target: Goal | Between) -> Iterator[str]:
        yield target.label
        if target.cell in (ONNX, ZIPCODES):
            value = getattr(findings.graph, target.metric) if target.cell == ONNX else findings.lowest_coverage
            found, prints = Estimate(value, value, value), COMMAND if target.cell == ONNX else command(grouped)
            yield from ("", amount(target.metric, value))
        else:
            cell = cells[target.cell]
            found, prints = cell.metrics[target.metric], command(cell)
            basic = cells[f"{cell.split.value}_basic_full"].metrics[target.metric]
            yield from (amount(target.metric, basic.value), _with_interval(target.metric, found))
        if isinstance(target, Between):
            yield from (f"{target.low:g} to {target.high:g} %", "")
        else:
            yield from (amount(target.metric, bound) for bound in (target.reach, target.aim))
        yield target.verdict(found)
        yield f"`{prints}`"

    headings = ("", "basic", "improved (95 % interval)", "to reach", "aim", "verdict", "command")
    return _table(headings, (list(row(target)) for target in TARGETS), words=2)


def _splits(findings: Findings) -> str:
    shown = ("mae", "rmse", "r2", "mape", "mdape", "ppe10", "ppe20", "bias")
    return _table(
        ("split, model, columns given", "sales", *(HEADINGS[metric] for metric in shown)),
        (
            (_label(cell), f"{cell.sales:,}", *(amount(metric, cell.metrics[metric].value) for metric in shown))
            for cell in _ordered(findings)
        ),
    )


def _commands(findings: Findings) -> str:
    return _table(
        ("cell", *(HEADINGS[metric] for metric in METRICS), "command"),
        (
            (
                _label(cell),
                *(_with_interval(metric, cell.metrics[metric]) for metric in METRICS),
                f"`{command(cell)}`",
            )
            for cell in _ordered(findings)
        ),
        words=1,
    )


def _ordered(findings: Findings) -> list[Cell]:
    splits = list(Split)
    return sorted(findings.cells, key=lambda cell: splits.index(cell.split))


def _label(cell: Cell) -> str:
    columns = {GivenColumns.FULL: "18", GivenColumns.REQUIRED: "8"}[cell.columns]
    label = f"{cell.split.value}, {cell.model.value}, {'8' if cell.model is Model.BASIC else columns}"
    if cell.split in BY_DATE and cell.model is Model.IMPROVED:
        label += ", with market index" if cell.level == "latest" else ", no market index"
    return label


def _neighbours(findings: Findings) -> str:
    rows = [(str(count), amount("mae", mae)) for count, mae in findings.basic.mae_by_neighbours.items()]
    rows.append(("10, every column scaled, nearer ones count more", amount("mae", findings.basic.mae_scaled)))
    return _table(("neighbours", "MAE on homes not seen"), rows)


def _seeds(findings: Findings) -> str:
    firm = {cell.model.value: cell.metrics["mae"] for cell in findings.cells if cell.name in _FIRM_CELLS}
    return _table(
        ("model", "seed 42", "other seeds", "mean", "standard deviation", "highest"),
        (
            (
                model,
                amount("mae", firm[model].value),
                str(len(seeds.mae)),
                amount("mae", seeds.mean),
                amount("mae", seeds.spread) if len(seeds.mae) > 1 else "",
                amount("mae", seeds.highest),
            )
            for model, seeds in findings.seeds.items()
        ),
    )


def _ablation(findings: Findings) -> str:
    def change(row: StepFigures, gain: float, noise: float) -> str:
        return f"{-gain:+,.0f} ± {noise:,.0f}" if row.compared else ""

    return _table(
        ("step", "MAE", "change", "MdAPE", "R2", "eight columns: MAE", "change"),
        (
            (
                f"instead: {row.step}" if row.compared == IMPROVED.key else row.step,
                amount("mae", row.mae),
                change(row, row.gain, row.noise),
                amount("mdape", row.mdape),
                amount("r2", row.r2),
                amount("mae", row.mae_required),
                change(row, row.gain_required, row.noise_required),
            )
            for row in findings.ablation
        ),
    )


def _gain(findings: Findings) -> str:
    names = {
        "grouped_full": "grouped, 18 columns",
        "grouped_required": "grouped, eight columns",
        "random_full": "seed 42, 18 columns",
    }
    shown = ("mae", "r2", "mdape", "ppe10", "ppe20")
    return _table(
        ("improved less basic, same sales", *(HEADINGS[metric] for metric in shown)),
        (
            (names[name], *(_with_interval(metric, found[metric]) for metric in shown))
            for name, found in findings.gain.items()
        ),
    )


def _months(findings: Findings) -> str:
    def gate(one: Retraining) -> Iterator[str]:
        yield f"{one.compared:,}"
        for found in (one.difference, one.difference_required):
            yield f"{found.value:+,.0f} ({found.low:+,.0f} to {found.high:+,.0f})" if found else ""

    shown = ("mae", "mdape", "bias", "coverage")
    return _table(
        (
            "month",
            "sales known",
            "compared on",
            "new less serving, MAE in dollars",
            "eight columns",
            "homes sold",
            *(HEADINGS[metric] for metric in shown),
            "not retrained: MAE",
            "bias",
            "gate",
        ),
        (
            (
                one.month,
                f"{one.known:,}",
                *gate(one),
                f"{one.sold:,}",
                *(amount(metric, one.served[metric]) for metric in shown),
                *(amount(metric, one.kept[metric]) for metric in ("mae", "bias")),
                f"refused: {one.refusal}" if one.refusal else "published",
            )
            for one in findings.retrainings
        ),
        words=1,
    )


def _learning(findings: Findings) -> str:
    basic, improved = findings.learning["basic"], findings.learning["improved"]
    return _table(
        ("sales trained on", "basic: those sales", "new sales", "improved: those sales", "new sales"),
        (
            (f"{ours.sales:,}", *(amount("mae", part["mae"]) for part in (b.train, b.test, ours.train, ours.test)))
            for b, ours in zip(basic, improved, strict=True)
        ),
    )


def _ranges(findings: Findings) -> str:
    return _table(
        ("split, model, columns given", "range holds", "mean width"),
        (
            (_label(cell), *(_with_interval(metric, cell.metrics[metric]) for metric in ("coverage", "width")))
            for cell in _ordered(findings)
        ),
    )


def _bands(findings: Findings) -> str:
    full, required = findings.bands["improved_full"], findings.bands["improved_required"]
    shown = ("mae", "mdape", "ppe10", "bias", "coverage", "width")

    def row(band: str, found: dict[str, float]) -> list[str]:
        eight = amount("coverage", required[band]["coverage"]) if band in required else ""
        return [band, f"{found['sales']:,.0f}", *(amount(metric, found[metric]) for metric in shown), eight]

    return _table(
        ("valued at", "sales", *(HEADINGS[metric] for metric in shown), "holds, eight columns"),
        (row(band, found) for band, found in full.items()),
    )


def _importance(findings: Findings) -> str:
    basic = {importance.columns: importance.dollars for importance in findings.importance["basic"]}
    return _table(
        ("columns shuffled among the homes", "improved: MAE grows by", "basic"),
        (
            (importance.columns, amount("mae", importance.dollars), amount("mae", basic[importance.columns]))
            for importance in findings.importance["improved"]
        ),
    )


def _zipcodes(findings: Findings) -> str:
    def row(place: str, sales: int, *percentages: float) -> list[str]:
        few = "" if sales >= LEAST_SALES else " (few)"
        return [place + few, f"{sales:,}", *(f"{percentage:.1f} %" for percentage in percentages)]

    headings = (
        "ZIP code",
        "sales",
        "MdAPE basic",
        "MdAPE",
        "bias",
        "range holds",
        "holds, eight columns",
        "range width",
    )
    return _table(
        headings,
        (
            row(str(z.zipcode), z.sales, z.mdape_basic, z.mdape, z.bias, z.coverage, z.coverage_required, z.width)
            for z in findings.zipcodes
        ),
    )


def _worst(findings: Findings) -> str:
    return _table(
        ("", "sold for", "ZIP code", "valued", "why, as far as the data tell"),
        (
            (str(rank), sale.band, str(sale.zipcode), sale.verdict, sale.why)
            for rank, sale in enumerate(findings.worst, start=1)
        ),
        words=4,
    )
