"""What the report says of the comparison of methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report_parts import judge_of_hands, read_result, section, table

SHOWN = {
    "KID": "KID",
    "CMMD": "CMMD",
    "Fréchet": "Fréchet",
    "hand": "hand",
    "text alignment": "match with the words",
    "nearer to training than unseen": "nearer to training",
    "diversity": "diversity",
}
"""Numbers of the table, with their heads."""


def compare_section() -> str:
    """Return which method brings a style, and what it costs in words."""
    result = read_result("compare")
    sheet = "![The artist's drawings, and what each method draws](results/compare.jpg)"
    return section(
        *("Which method brings a style", *told_of(result), steps_table(result), paired_table(result), sheet),
        command="compare_pocket --workers 2",
        result=result,
    )


def told_of(result: Mapping[str, Any]) -> list[str]:
    """Return how a comparison was measured, and a table for each style."""
    setting = (
        "KID, CMMD, Fréchet: distances to the artist's held-back drawings on pocket's image features, lower is better. "
        f"Hand:\n{judge_of_hands(result)}\nMatch with the words: cosine of picture and bare caption in pocket's shared "
        "space. Nearer to training: how often a\ndrawing is nearer to the pictures learnt from than an unseen real one "
        "is; ½ is no copying. ± is half of the 95 % interval over trainings (Student's t)."
    )
    if result["search"]:
        setting += f"\nSteps are those with the lowest KID on {result['searched_on']}, which is in no row."
    state = [f"**Partial**: {result['partial']}."] if result["partial"] else []
    return [
        *state,
        setting,
        *(of_style(result, style) for style in dict.fromkeys(row["style"] for row in result["rows"])),
    ]


def templates_section() -> str:
    """Return where the words of a divided style belong in a prompt."""
    result = read_result("multi-templates")
    setting = f"Multi-StyleForge on {result['pack']}, learnt with captions, {result['steps']} steps, one training."
    rows = [
        (row["template"], f"`{row['example']}`", f"{row['KID']:.3f}", f"{row['text alignment']:.1f}")
        for row in result["rows"]
    ]
    measured = table(("words of the style", "such as", "KID", "match with the words"), rows)
    title = "Where the words of a divided style stand"
    return section(title, setting, measured, command="multi_templates", result=result)


def of_style(result: Mapping[str, Any], style: str) -> str:
    """Return the table of one style."""
    rows = [row for row in result["rows"] if row["style"] == style]
    names = [name for name in SHOWN if any(name in row for row in rows)]
    head = (f"{style}, {result['prompts'][style]} prompts", "steps", *(SHOWN[name] for name in names), "trainings")
    told = [
        (
            row["method"],
            row["steps"] or "",
            *(spoken(row[name]) if name in row else "" for name in names),
            max(row[name]["n"] for name in names if name in row),
        )
        for row in rows
    ]
    return table(head, told)


def spoken(number: Mapping[str, float | None], sign: str = "") -> str:
    """Return a mean with half of its interval."""
    half = number["half"]
    return f"{number['mean']:{sign}.3f}" + ("" if half is None else f" ± {half:.3f}")


def steps_table(result: Mapping[str, Any]) -> str:
    """Return the distances that steps were chosen by."""
    counts = sorted({int(steps) for found in result["search"].values() for steps in found["KID"]})
    rows = [
        (method, *(f"{found['KID'][str(n)]['mean']:.3f}" if str(n) in found["KID"] else "" for n in counts))
        for method, found in result["search"].items()
    ]
    return table((f"KID on {result['searched_on']} after steps", *(str(n) for n in counts)), rows)


def paired_table(result: Mapping[str, Any]) -> str:
    """Return one method's numbers less those of the others."""
    differences = result["less_others"]
    names = list(dict.fromkeys(name for found in differences.values() for name in found))
    rows = [
        (
            method,
            *(spoken(found[name], "+") if name in found else "" for name in names),
            max(found[name]["n"] for name in found),
        )
        for method, found in differences.items()
    ]
    return table((f"{result['against']} less", *(SHOWN[name] for name in names), "pairs of style and seed"), rows)
