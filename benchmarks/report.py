"""Write `benchmarks/REPORT.md` and the table in `README.md` from the committed results; no number is typed by hand.

Run: `python -m benchmarks.report`
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS

ROOT = Path(__file__).parents[1]
README, REPORT = ROOT / "README.md", ROOT / "benchmarks" / "REPORT.md"
START, END = "<!-- measured: start -->", "<!-- measured: end -->"


def read_result(name: str) -> dict[str, Any]:
    """Return a committed result."""
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return loaded


def machine_line(result: Mapping[str, Any]) -> str:
    """Return where and when a result was measured."""
    machine = result["machine"]
    versions = machine["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores; torch {versions['torch']}, diffusers {versions['diffusers']}, "
        f"transformers {versions['transformers']}; {result['date']}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, ["---"] * len(head), *rows))


def with_error(row: Mapping[str, float], name: str, error: str, sign: str = "") -> str:
    """Return a number of a row with its standard error."""
    return f"{row[name]:{sign}.3f} ± {row[error]:.3f}"


def style_table() -> str:
    """Return the table of StyleForge on pocket."""
    result = read_result("styleforge-pocket")
    subjects = f"{result['pictures']} held-back subjects, {result['seeds']} trainings each"
    rows = [
        (
            "pocket before learning" if row["variant"] == "before" else f"StyleForge, {row['variant']}",
            with_error(row, "kid", "kid_standard_error"),
            "" if row["variant"] == "before" else with_error(row, "change", "change_standard_error", "+"),
            f"{row['text_similarity']:.3f}",
        )
        for row in result["rows"]
    ]
    rows += [
        (f"another hand: {other['hand']}", with_error(other, "kid", "kid_standard_error"), "", "")
        for other in result["other_hands"]
    ]
    rows.append(("the artist's own drawings", "0", "", f"{result['text_similarity_of_real_drawings']:.3f}"))
    return table((subjects, "KID to the artist's drawings", "change", "match with the words"), rows)


def style_notes(result: dict[str, Any]) -> str:
    """Return what the columns mean and where they were measured."""
    return (
        "KID: unbiased, on pocket's image features, lower is better, ± jackknife standard error over pictures. Change:\n"
        "after minus before, the same subjects and seeds, ± standard error over subjects and trainings. Match with the\n"
        "words: cosine of picture and caption in pocket's shared space. The settings were chosen on another pack.\n"
        f"`python -m benchmarks.styleforge_pocket{variants_of(result)}` ({machine_line(result)})."
    )


def variants_of(result: dict[str, Any]) -> str:
    """Return the options that a result was made with, if not all variants were measured."""
    chosen = " ".join(f'"{name}"' if " " in name else str(name) for name in result["variants"])
    return f" --variants {chosen}" if chosen else ""


def speed_table() -> str:
    """Return the table of speeds."""
    result = read_result("speed-pocket")
    rows = [
        ("4 pictures, 20 steps", f"{result['seconds_for_four_pictures_of_20_steps']:.1f} s"),
        ("`impasto train b-lora`, one picture", f"{result['seconds_for_b_lora']:.0f} s"),
        ("`impasto demo`: training and drawing", f"{result['demo_seconds'] / 60:.1f} min"),
        ("`impasto demo`: peak memory", f"{result['demo_peak_memory_gib']:.1f} GiB"),
        ("`impasto --help`", f"{result['seconds_for_help']:.2f} s"),
    ]
    return table(("what", "measured"), rows)


def section(title: str, *parts: str, command: str, result: Mapping[str, Any]) -> str:
    """Return a section of the report: title, paragraphs and tables, and the command with its machine."""
    return "\n\n".join([f"## {title}", *parts, f"`python -m benchmarks.{command}` ({machine_line(result)})."])


def b_lora_speed_section() -> str:
    """Return what training two blocks costs against training all."""
    result = read_result("b-lora-speed")
    setting = (
        f"A random UNet of SDXL's topology, {result['unet_parameters_millions']:.0f} M parameters, latents of "
        f"{result['latents']}x{result['latents']}, rank {result['rank']}; medians of paired steps."
    )
    columns = ("seconds a step", "time against all", "kept for the backward pass", "against all", "peak", "against all")
    rows = [
        (
            row["way"],
            f"{row['parameters_millions']:.1f} M",
            f"{row['seconds_a_step']:.2f}",
            f"{row['time_against_all']:.2f}",
            f"{row['activations_mib']:.0f} MiB",
            f"{row['activations_against_all']:.2f}",
            f"{row['peak_mib']:.0f} MiB",
            f"{row['peak_against_all']:.2f}",
        )
        for row in result["rows"]
    ]
    measured = table(("adapters on", "learns", *columns), rows)
    return section("B-LoRA: what two blocks cost", setting, measured, command="b_lora_speed", result=result)


def b_lora_section() -> str:
    """Return how well B-LoRA separates style from content on pocket."""
    result = read_result("b-lora-pocket")
    setting = (
        f"{len(result['packs'])} styles of one picture each, {result['contents']} content pictures, {result['seeds']} seeds: "
        f'"A [c] in [s] style".\n'
        "Style: similarity of Gram matrices with all other drawings of the style picture's hand, by a judge that tells the\n"
        f"hands of real drawings apart in {result['hands_told_apart']:.0%} of comparisons. Content: cosine with the content "
        "picture; whether its subject is\nfound. Strength: of the style."
    )
    names = ("style", "content", "subject")
    rows = [
        (
            row["way"],
            f"{row['strength']:g}",
            *(with_error(row, name, f"{name}_error") for name in names),
            str(row["pictures"]),
        )
        for row in result["rows"]
    ]
    measured = table(("drawn with", "strength", "style", "content", "subject found", "pictures"), rows)
    won = "; ".join(
        f"{name}: {each['mean']:+.3f} ({each['low']:+.3f} to {each['high']:+.3f})"
        for name, each in result["style_won_at_equal_content"].items()
    )
    verdict = f"Style of B-LoRA at equal content, less that of the others, 95 % intervals over content pictures: {won}."
    curve = "![Style against content along strengths](results/b-lora-pocket-curve.png)"
    sheet = "![Content, style, and what each way draws](results/b-lora-pocket.png)"
    return section("B-LoRA on pocket", setting, measured, verdict, curve, sheet, command="b_lora_pocket", result=result)


def stylize_section() -> str:
    """Return what redrawing a picture gains in style and costs in content."""
    result = read_result("stylize-pocket")
    setting = (
        f"{result['pictures']} drawings, {len(result['packs'])} learnt styles, {result['seeds']} training each. The artists' own "
        f"drawings have a style similarity of\n{result['style_of_the_artist']:.3f} with each other; two hands' drawings of one "
        f"subject a content similarity of {result['content_across_hands']:.3f}."
    )
    rows = [
        (row["way"], f"{row['strength']:g}", *(with_error(row, name, f"{name}_error") for name in ("style", "content")))
        for row in result["rows"]
    ]
    measured = table(("redrawn with", "strength", "style", "content"), rows)
    sheet = "![The drawings given, and redrawn at each strength](results/stylize-pocket.png)"
    return section("Redrawing a picture (SDEdit)", setting, measured, sheet, command="stylize_pocket", result=result)


def style_studio_cost_section() -> str:
    """Return what StyleStudio costs against a plain image prompt."""
    result = read_result("style-studio-cost")
    setting = (
        f"pocket, {result['steps']} steps, teacher in the first {result['teacher']:.0%} of them, a random adapter; processor time of one\n"
        f"thread, medians of {result['rounds']} paired rounds (lowest and highest ratio); against an image prompt with as many styles."
    )
    rows = []
    for row in result["rows"]:
        lowest, highest = row["time_lowest_and_highest"]
        time = f"{row['time_against_image_prompt']:.2f} ({lowest:.2f} to {highest:.2f})"
        memory = f"{row['peak_mib']} MiB", f"{row['peak_against_image_prompt']:.2f}"
        rows.append((row["way"], f"{row['seconds_a_picture']:.2f}", time, *memory))
    measured = table(("drawn with", "seconds a picture", "time", "peak memory", "memory"), rows)
    command = f"style_studio_cost --steps {result['steps']}"
    return section("StyleStudio: what control costs", setting, measured, command=command, result=result)


STYLE_STUDIO_FINDINGS = """What the paper reports does not come out here: at equal style no way wins words over the plain
image prompt. What was found about the reasons:

- **The base.** One block of pocket, the last with attention, decides on subject, ground and style together (see its model
  card). AdaIN there exchanges the statistics of all three, so that words go with them. And no self-attention comes behind
  it, so that the teacher's maps cannot hold the layout, although maps do decide on it (`benchmarks/attention_maps.py`).
- **The judge.** On the sheet AdaIN brings the contours of the references, the plain image prompt hardly does, and yet they have
  equal numbers. A measure that sees less than the eye does is no reason to prefer the plain image prompt."""
"""What a person has to add to the table; to be read again whenever it is measured again."""


def attention_maps_section() -> str:
    """Return how much self-attention maps decide."""
    result = read_result("attention-maps")
    setting = (
        f"{result['prompts']} prompts; how much of the layout stays (structural similarity of edges, ± standard error) when "
        "self-attention\nlooks everywhere alike, beside another seed and another prompt."
    )
    rows = [(row["way"], with_error({**row, "x": row["layout_kept"]}, "x", "error")) for row in result["rows"]]
    measured = table(("drawn with", "layout kept"), rows)
    return section(
        "What self-attention maps decide on pocket", setting, measured, command="attention_maps", result=result
    )


def style_studio_section() -> str:
    """Return whether AdaIN, teacher and negative style let the words win."""
    result = read_result("style-studio-pocket")
    setting = (
        f"{result['references']} references of three hands that no training saw, {result['prompts']} prompts of other subjects "
        f"on grounds that\nthe reference does not have, {result['references_for_each_prompt']} references for each, 95 % intervals over prompts. Each way at the strength that gave it, on other "
        "prompts,\nas much style as the plain image prompt has; presets as they are. Style: cosine of Gram matrices with other "
        "drawings of\nthe same hand. Words won: text alignment against the plain image prompt, paired."
    )
    columns = (
        *("text_alignment", "text_alignment_difference", "style_similarity", "named_colour", "subject_right"),
        *("content_leak", "layout_edges", "layout_self_similarity"),
    )
    rows = [
        (
            row["way"],
            "" if row["strength"] is None else f"{row['strength']:g}",
            *(f"{row[name]['mean']:.3f} ({row[name]['low']:.3f} to {row[name]['high']:.3f})" for name in columns),
        )
        for row in result["rows"]
    ]
    spoken = {"text_alignment_difference": "words won", "layout_edges": "layout: edges"}
    head = ("drawn with", "strength", *(spoken.get(name, name.replace("_", " ")) for name in columns))
    curve = "![What each strength costs in words and gives in style](results/style-studio-pocket-curve.png)"
    sheet = "![References, and what each way draws](results/style-studio-pocket.png)"
    told = ("StyleStudio on pocket", setting, table(head, rows), STYLE_STUDIO_FINDINGS, curve, sheet)
    return section(*told, command="style_studio_pocket", result=result)


def subdivision_section() -> str:
    """Return how well pocket tells people from backgrounds."""
    result = read_result("subdivision")
    rows = [
        (
            row["pictures"],
            row["count"],
            with_error(row, "accuracy", "standard_error"),
            *(f"{row[name]:.2f}" for name in ("people_found", "backgrounds_found", "larger_class")),
        )
        for row in result["rows"]
    ]
    head = ("drawings", "number", "right", "people found", "backgrounds found", "the larger class alone")
    return section(
        "Telling people from backgrounds with pocket's encoders",
        "Zero-shot; the way prompts are averaged was chosen on these same drawings.",
        table(head, rows),
        command="subdivision",
        result=result,
    )


def _compiled(result: Mapping[str, Any]) -> str:
    return " --compile" if result.get("compile") else ""


def step_speed_section() -> str:
    """Return the training step against the plain loop."""
    result = read_result("step-speed")
    setting = (
        f"{result['threads']} threads, float32 unless named otherwise, medians of {result['rounds']} paired steps. The plain loop does what\n"
        "diffusers' DreamBooth and LoRA scripts do in every step (`benchmarks/plain_loop.py`)."
    )
    parts = []
    for case in result["cases"]:
        rows = [
            (
                row["contestant"],
                f"{row['seconds_a_step']:.3f}",
                f"{row['pictures_a_second']:.1f}",
                f"{row['times_as_fast']:.2f}",
            )
            for row in case["rows"]
        ]
        parts += [f"**{case['case']}**", table(("", "seconds a step", "pictures a second", "times as fast"), rows)]
    title = "A training step against the example scripts' loop"
    return section(title, setting, *parts, command=f"step_speed{_compiled(result)}", result=result)


def step_ladder_section() -> str:
    """Return what each optimisation of a step brings."""
    result = read_result("step-ladder")
    setting = (
        f"Pocket, rank {result['rank']}, {result['pictures']} pictures; each against the rung that it stands on. Predictions were "
        "written down before this\nwas measured; those that failed stay in the table."
    )
    rows = [
        (
            row["rung"],
            row["onto"],
            f"{row['predicted']:.2f}",
            f"{row['measured']:.2f}",
            f"{row['seconds_a_step']:.3f}",
            row["kept"],
            row["why"],
        )
        for row in result["rows"]
    ]
    head = ("change", "onto", "predicted", "measured", "seconds a step", "in impasto", "guess")
    title = "One optimisation after the other"
    return section(title, setting, table(head, rows), command=f"step_ladder{_compiled(result)}", result=result)


def memory_section() -> str:
    """Return expected and taken memory."""
    result = read_result("memory-plan")
    rows = [
        (row["case"], f"{row['expected_gib']:.2f} GiB", f"{row['taken_gib']:.2f} GiB", f"{row['error']:+.0%}")
        for row in result["rows"]
    ]
    measured = table(("case", "expected", "taken", "error"), rows)
    return section("Expected memory of a training", measured, command="memory_plan", result=result)


def choice_section() -> str:
    """Return the table from which the recipe's settings were chosen."""
    result = read_result("styleforge-pocket-choice")
    setting = f"On the pack {result['pack']}, {result['pictures']} held-back subjects, {result['seeds']} training each."
    rows = [
        (
            row["variant"],
            with_error(row, "kid", "kid_standard_error"),
            with_error(row, "change", "change_standard_error", "+"),
            f"{row['text_similarity']:.3f}",
        )
        for row in result["rows"]
    ]
    return section(
        "StyleForge on pocket: choosing the settings",
        setting,
        table(("settings", "KID", "change", "match with the words"), rows),
        command=f"styleforge_pocket --choose{variants_of(result)}",
        result=result,
    )


def measured_section() -> str:
    """Return what stands between the markers in the README."""
    style, speed = read_result("styleforge-pocket"), read_result("speed-pocket")
    return "\n\n".join(
        [
            style_table(),
            style_notes(style),
            speed_table(),
            f"`python -m benchmarks.speed_pocket` ({machine_line(speed)}).",
        ]
    )


def with_section(readme: str, measured: str) -> str:
    """Return the README with `measured` between the markers."""
    head, _, rest = readme.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n\n{measured}\n\n{END}{tail}"


SECTIONS = {
    "b-lora-speed": b_lora_speed_section,
    "b-lora-pocket": b_lora_section,
    "style-studio-cost": style_studio_cost_section,
    "style-studio-pocket": style_studio_section,
    "attention-maps": attention_maps_section,
    "stylize-pocket": stylize_section,
    "subdivision": subdivision_section,
    "styleforge-pocket-choice": choice_section,
    "step-speed": step_speed_section,
    "step-ladder": step_ladder_section,
    "memory-plan": memory_section,
}
"""What the report tells of each result, if it has been measured."""


def report() -> str:
    """Return `REPORT.md`."""
    parts = [
        "# Measured results",
        "Written by `python -m benchmarks.report` from `benchmarks/results/`.",
        measured_section(),
        *(of_result() for name, of_result in SECTIONS.items() if (RESULTS / f"{name}.json").exists()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write both files."""
    REPORT.write_text(report(), "utf-8")
    README.write_text(with_section(README.read_text("utf-8"), measured_section()), "utf-8")
    print(measured_section())


if __name__ == "__main__":
    main()
