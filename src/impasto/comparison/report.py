"""The report of a comparison: `table.md`, `report.json` and a `report.html` that needs no other file."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from impasto.comparison.aggregate import LEGEND, Number, Result, by_row, numbers, read_results, table
from impasto.comparison.config import ComparisonConfig
from impasto.comparison.markdown import markdown
from impasto.comparison.scale_sweep import strength_curves, strengths_of
from impasto.comparison.step_search import DISTANCE, SearchResult, search_curves, search_lines
from impasto.comparison.trial import Trial
from impasto.core.files import write_text
from impasto.core.versions import library_versions
from impasto.data.images import read_picture
from impasto.data.measured import read_measured
from impasto.data.packs import pictures_of
from impasto.reporting.plots import curves, smoothed

_LARGEST_SIDE = 192


@dataclass(frozen=True, slots=True)
class Status:
    """How far a comparison is.

    Attributes:
        trials: All whose steps are known.
        count: How many there will be when the steps of all rows are.
        found: What the search found so far, by row; empty without one.
        failed: Why trials failed, by their label.
    """

    trials: Sequence[Trial]
    count: int
    found: Sequence[SearchResult]
    failed: Mapping[str, str]

    def formatted(self) -> str:
        """Return what is missing, or nothing when all is done."""
        missing = [trial.label() for trial in self.trials if not trial.file.is_file()]
        done = len(self.trials) - len(missing)
        if done == self.count:
            return ""
        missing += [f"all of {each.row}, whose steps are not known yet" for each in self.found if not each.is_over]
        text = f"{done} of {self.count} trials are done; missing: {', '.join(missing[:6])}"
        text += f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        return text + "".join(f"; {label} failed: {why}" for label, why in list(self.failed.items())[:3])


def write_report(config: ComparisonConfig, out: Path, status: Status) -> None:
    """Write the three files from the trials that are done.

    Args:
        config: The comparison as it was asked for.
        out: Its folder.
        status: How far it is.
    """
    results, state = read_results(status.trials), status.formatted()
    steps = [] if config.search is None else search_lines(status.found, config.search.style.name)
    write_text(out / "table.md", markdown(results, [style.name for style in config.styles], state, steps))
    facts = json.dumps(_facts(results, config, status), indent=1, ensure_ascii=False)
    write_text(out / "report.json", f"{facts}\n")
    write_text(out / "report.html", _page(results, config, status))


def _facts(results: Sequence[Result], config: ComparisonConfig, status: Status) -> dict[str, object]:
    rows = {style.name: by_row(results, style.name) for style in config.styles}
    strengths = {
        style: {
            row: {f"{scale:g}": _plain(found) for scale, found in each.items()}
            for row, each in strengths_of(of_style).items()
        }
        for style, of_style in rows.items()
    }
    return {
        "partial": status.formatted() or None,
        "config": config.model_dump(mode="json"),
        "table": {
            style: {row: _plain(numbers(each)) for row, each in of_style.items()} for style, of_style in rows.items()
        },
        "strengths": strengths,
        "search": {each.row: _search_facts(each) for each in status.found},
        "trials": {
            trial.label(): {"key": trial.key, "done": trial.file.is_file(), "seconds": _seconds(results, trial)}
            for trial in status.trials
        },
        "versions": library_versions(),
    }


def _search_facts(found: SearchResult) -> dict[str, object]:
    distances = _plain({str(steps): number for steps, number in found.distances.items()})
    return {"steps": found.best if found.is_over else None, DISTANCE: distances}


def _plain(found: Mapping[str, Number]) -> dict[str, object]:
    """Return numbers for JSON, which has no infinity."""
    return {
        name: dataclasses.asdict(number) | {"half": number.half if math.isfinite(number.half) else None}
        for name, number in found.items()
    }


def _seconds(results: Sequence[Result], trial: Trial) -> float | None:
    return next((result.seconds for result in results if result.trial == trial), None)


_STYLE_SHEET = """
body { font: 15px/1.5 system-ui, sans-serif; color: #3c342e; background: #faf7f2; margin: 2rem auto; max-width: 78rem;
  padding: 0 1rem }
h1, h2 { font-weight: 600 } h2 { margin-top: 2.5rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; background: #fff; border-radius: .5rem }
th, td { padding: .35rem .7rem; text-align: right; border-bottom: 1px solid #ece5db; white-space: nowrap }
th { white-space: normal; vertical-align: bottom; line-height: 1.3 }
th:first-child, td:first-child { text-align: left } td b { color: #b5482a }
.sheet th { font-weight: 400; font-size: 12px; max-width: 8rem; white-space: normal; text-align: center;
  vertical-align: bottom }
.sheet td { padding: .15rem } .sheet img { width: 7.5rem; display: block; border-radius: .25rem }
.partial { background: #fbe9d5; border-left: .3rem solid #b5482a; padding: .6rem 1rem }
svg { width: 100%; max-width: 56rem; background: #fff; border-radius: .5rem }
svg text { font: 11px system-ui; fill: #3c342e }
footer, small, details { color: #8a7d70 } pre { white-space: pre-wrap }
"""


def _page(results: Sequence[Result], config: ComparisonConfig, status: Status) -> str:
    state = status.formatted()
    banner = f'<p class="partial"><b>Partial.</b> {html.escape(state)}.</p>' if state else ""
    sections = "\n".join(_section(results, config, index) for index in range(len(config.styles)))
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    counts = {"method": len(config.methods), "style": len(config.styles), "seed": len(config.seeds)}
    title = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>impasto: comparison</title><style>{_STYLE_SHEET}</style>
<h1>{title}</h1>
{banner}
<p>{html.escape(LEGEND)}</p>
{sections}
{_search_section(config, status.found)}
<footer><details><summary>Configuration</summary>
<pre>{html.escape(json.dumps(config.model_dump(mode="json"), indent=1))}</pre>
</details><p>{html.escape(versions)}</p></footer>
</html>
"""


def _search_section(config: ComparisonConfig, found: Sequence[SearchResult]) -> str:
    if config.search is None:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(each.row)}</td><td>{each.formatted_steps()}</td>"
        f"<td>{each.distances[each.best].formatted() if each.distances else ''}</td></tr>"
        for each in found
    )
    return f"""<h2>Steps <small>chosen on {html.escape(config.search.style.name)}, which is not compared</small></h2>
<table><tr><th>method</th><th>steps</th><th>{DISTANCE} there</th></tr>{rows}</table>
{search_curves(found)}"""


def _section(results: Sequence[Result], config: ComparisonConfig, index: int) -> str:
    style = config.styles[index]
    rows = by_row(results, style.name)
    if not rows:
        return f"<h2>{html.escape(style.name)}</h2><p>No trial is done yet.</p>"
    seed = min(result.trial.seed for each in rows.values() for result in each)
    first = {row: each[0] for row, each in rows.items()}
    lines = {row: smoothed(result.losses) for row, result in first.items()}
    losses = curves(lines, across="step", up="loss, smoothed")
    return f"""<h2>{html.escape(style.name)}</h2>
<div class="scroll">{_table({row: numbers(each) for row, each in rows.items()})}</div>
<h3>Pictures <small>a row for each method, seed {seed}</small></h3>
<div class="scroll">{_sheet(first, style.reference, config.columns)}</div>
{strength_curves(rows)}
{f"<h3>Loss <small>seed {seed}; methods minimise different things</small></h3>{losses}" if losses else ""}"""


def _table(rows: Mapping[str, Mapping[str, Number]]) -> str:
    headings, lines = table(rows)
    head = "".join(f"<th>{html.escape(each)}</th>" for each in headings)
    body = []
    for line in lines:
        cells = "".join(_table_cell(number, is_best=is_best) for number, is_best in line.cells)
        body.append(f"<tr><td>{html.escape(line.name)}</td>{cells}<td>{line.seeds}</td></tr>")
    return f"<table><tr><th>method</th>{head}<th>seeds</th></tr>{''.join(body)}</table>"


def _table_cell(number: Number | None, *, is_best: bool) -> str:
    if number is None:
        return "<td></td>"
    mark = f' <span title="{html.escape(number.warning)}">!</span>' if number.warning else ""
    return f"<td>{f'<b>{number.formatted()}</b>' if is_best else number.formatted()}{mark}</td>"


def _sheet(first: Mapping[str, Result], reference: str, columns: int) -> str:
    """Return a table of pictures: a column for each prompt, a row for the real pictures and for each method."""
    example = max(first.values(), key=lambda result: len(result.pictures))
    chosen = _spread(example.pictures, columns)
    words = dict(zip(example.pictures, example.prompts, strict=True))
    head = "".join(f"<th>{html.escape(words[name])}</th>" for name in chosen)
    pictures = read_measured(pictures_of(reference, "reference", "reference"), "reference", side=None)
    real = {picture.path.stem: picture.image for picture in pictures}
    rows = [_sheet_row("real", [real.get(name) for name in chosen])]
    for row, result in first.items():
        files = [result.trial.folder / f"{name}.png" for name in chosen]
        rows.append(_sheet_row(row, [read_picture(file).image if file.is_file() else None for file in files]))
    return f'<table class="sheet"><tr><th></th>{head}</tr>{"".join(rows)}</table>'


def _spread(names: Sequence[str], count: int) -> list[str]:
    """Return `count` names, evenly chosen."""
    if len(names) <= count:
        return list(names)
    return [names[index * len(names) // count] for index in range(count)]


def _sheet_row(label: str, pictures: Sequence[Image.Image | None]) -> str:
    trials = "".join(f"<td>{'' if picture is None else _inline(picture)}</td>" for picture in pictures)
    return f"<tr><td>{html.escape(label)}</td>{trials}</tr>"


def _inline(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, format="PNG", optimize=True)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
