"""From what a page asks to the file and the command line of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from impasto.comparison.config import ComparisonConfig
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
