"""What the report says of the comparison of methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report_parts import judge_of_artists, read_result, section, table

SHOWN = {
    "KID": "KID",
    "CMMD": "CMMD",
    "Fréchet": "Fréchet",
    "artist": "artist",
    "text alignment": "match with the words",
    "nearer to training than unseen": "nearer to training",
    "diversity": "diversity",
}
"""Numbers of the table, with their heads."""
DIGITS = {"text alignment": 1}
"""After the point, where not three: it counts in hundredths."""


COMPARE_FINDINGS = """**The paper's order does not come out.** There StyleForge is nearest in every style. Here it is nearer than the base,
Textual Inversion and B-LoRA, not told apart from LoRA and Custom Diffusion in distance (by the judge of artists LoRA has less of the
artist), and DreamBooth is a little nearer, in words and style its equal. On pocket the two differ in auxiliary pictures alone; all else is
the same to the digit. So Aux is the cause, and its rows say how:

- With Aux by a human artist the drawings have more of the style, less of the words, and a larger distance than with none:
  it moves along the trade of style against words, and wins nothing in both.
- DreamBooth's Aux is what the base draws for "style". Stable Diffusion draws fashion there, which is why the paper puts human art
  in its place. pocket, which was trained on seven artists and called each by its name, draws blots in a mixture of them: there
  is nothing wrong that human art could put right. We believe that Twemoji's drawings, which are one artist, pull towards it.
- On the black-and-white pack, where settings are chosen, pictures learnt beside Aux are much nearer than those without (one training;
  the table of settings below). It is the pack that is furthest from anything the base draws by itself.

**Multi-StyleForge** has StyleForge's words and style when its words stand in the clauses that they are for, at a distance a little larger,
and is worse in distance and words when they stand at the end, as two identifiers on every prompt ask for both parts of the style at
once. As its authors run it, without captions and with words first, it forgets the subject on this small base: every prompt
gives one blot (its row in the sheet), and nothing that the table could tell of style is worth having.

**How far to trust it.** KID on pocket's own features ends where drawings are still far from the artist's: on Emoji One's first
version, whose later artist the base knows, DreamBooth's cannot be told from real ones by KID, and can be by the judge of artists
and by anybody who looks at the sheet. Rates are those of the recipes, chosen for StyleForge and shared by DreamBooth and
Multi-StyleForge. Custom Diffusion was still falling at the last step count of the search."""
"""What the tables and the sheet say together; to be read again whenever they are measured again."""


def compare_section() -> str:
    """Return which method brings a style, and what it costs in words."""
    result = read_result("compare")
    sheet = "![The artist's drawings, and what each method draws](results/compare.jpg)"
    return section(
        *("Which method brings a style", *told_of(result), paired_table(result), COMPARE_FINDINGS, sheet),
        steps_table(result),
        command="compare_pocket --workers 2",
        result=result,
    )


def methods_table() -> str:
    """Return what the README says of each method: distance, artist and words for every style."""
    result = read_result("compare")
    styles = list(dict.fromkeys(row["style"] for row in result["rows"]))
    told = {name: SHOWN[name] for name in ("KID", "artist", "text alignment")}
    head = ("method", *(f"{style}: {word}" for style in styles for word in told.values()))
    of = {(row["method"], row["style"]): row for row in result["rows"]}
    rows = [
        (method, *(spoken(of[method, style], name) for style in styles for name in told))
        for method in dict.fromkeys(row["method"] for row in result["rows"])
    ]
    return table(head, rows)


def told_of(result: Mapping[str, Any]) -> list[str]:
    """Return how a comparison was measured, and a table for each style."""
    setting = (
        "KID, CMMD, Fréchet: distances to the artist's held-out drawings on pocket's image features, lower is better. "
        f"Artist:\n{judge_of_artists(result)}\nMatch with the words: cosine of picture and bare caption in pocket's shared "
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
            *(spoken(row, name) if name in row else "" for name in names),
            max(row[name]["n"] for name in names if name in row),
        )
        for row in rows
    ]
    return table(head, told)


def spoken(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    """Return a mean of a row with half of its interval."""
    found, form = row[name], f".{DIGITS.get(name, 3)}f"
    return f"{found['mean']:{sign}{form}}" + ("" if found["half"] is None else f" ± {found['half']:{form}}")


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
            *(spoken(found, name, "+") if name in found else "" for name in names),
            max(found[name]["n"] for name in found),
        )
        for method, found in differences.items()
    ]
    return table((f"{result['against']} less", *(SHOWN[name] for name in names), "pairs of style and seed"), rows)
