"""From what a page asks to the file and the command line of a comparison, and from its trials to a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from impasto.comparison.config import ComparisonConfig
from impasto.comparison.judgements import Drawn
from impasto.core.config import validated
from impasto.core.files import write_text
from impasto.data.packs import PREFIX, find_pack
from impasto.registry.methods import find_method
from impasto.studio.queue.jobs import Spec


def comparison(folder: Path, form: Mapping[str, object], base: str) -> Spec:
    """Return a comparison of methods on packs as a job; raises `ImpastoError` for what is wrong with it."""
    methods, packs = cast("list[str]", form["methods"]), cast("list[str]", form["packs"])
    steps = {} if form["steps"] is None else {"steps": form["steps"]}
    rows: dict[str, dict[str, object]] = {"base": {}}
    rows |= {find_method(name).name: dict(steps) for name in methods}
    styles = [_style(name) for name in packs]
    whole: dict[str, object] = {"base": base, "seeds": list(range(int(str(form["seeds"]))))}
    whole |= {"num_prompts": form["prompts"], "styles": styles, "methods": rows}
    validated(ComparisonConfig, whole, source="compare")
    write_text(folder / "comparison.toml", _toml(whole))
    command = ("compare", str(folder / "comparison.toml"), "--out", str(folder / "comparison"))
    title = f"{', '.join(methods)} on {', '.join(packs)}"
    return Spec("compare", title[:200], command, {}, dict(form))


def sheets_of(pictures: Sequence[Drawn]) -> list[dict[str, object]]:
    """Return a sheet of method × prompt for each style: the pictures of its lowest seed, as TRIAL/NAME or None."""
    sheets: list[dict[str, object]] = []
    for style in dict.fromkeys(each.style for each in pictures):
        seed = min(each.seed for each in pictures if each.style == style)
        drawn = [each for each in pictures if (each.style, each.seed) == (style, seed)]
        methods = sorted({each.row for each in drawn}, key=lambda row: (row != "base", row))
        prompts = list(dict.fromkeys(each.prompt for each in drawn))
        places = {(each.row, each.prompt): f"{each.trial}/{each.name}" for each in drawn}
        rows = [[places.get((method, prompt)) for method in methods] for prompt in prompts]
        sheets.append({"style": style, "seed": seed, "methods": methods, "prompts": prompts, "pictures": rows})
    return sheets


def _style(name: str) -> dict[str, object]:
    found = find_pack(name).name
    given = f"{PREFIX}{found}"
    return {"name": found, "style_images": given, "aux_images": given, "reference": given}


def _toml(values: Mapping[str, object]) -> str:
    """Return tables as TOML; its basic values are written as JSON writes them."""
    import json

    plain = {name: value for name, value in values.items() if name not in {"styles", "methods"}}
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for style in cast("list[dict[str, object]]", values["styles"]):
        lines += ["", "[[styles]]", *(f"{name} = {json.dumps(value)}" for name, value in style.items())]
    for method, options in cast("dict[str, dict[str, object]]", values["methods"]).items():
        lines += ["", f"[methods.{method}]", *(f"{name} = {json.dumps(value)}" for name, value in options.items())]
    return "\n".join([*lines, ""])
