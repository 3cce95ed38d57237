"""Write `benchmarks/REPORT.md` from the committed results; no number is typed by hand.

Run: `python -m benchmarks.report`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import POCKET, RESULTS
from benchmarks.report_compare import compare_section, templates_section
from benchmarks.report_parts import judge_of_artists, machine_line, read_result, section, table, with_error
from benchmarks.report_robustness import faults_section, fuzz_section
from benchmarks.report_style_studio import attention_maps_section, style_studio_cost_section, style_studio_section

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "benchmarks" / "REPORT.md"


def style_table() -> str:
    """Return the table of StyleForge on pocket."""
    result = read_result("styleforge-pocket")
    subjects = f"{result['pictures']} held-out subjects, {result['seeds']} trainings each"
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
        (f"another artist: {other['artist']}", with_error(other, "kid", "kid_standard_error"), "", "")
        for other in result["other_artists"]
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


B_LORA_FINDINGS = """With B-LoRA the forms of the content stay while colours and contours become the style's; with adapters on all blocks
forms of both pictures mix. The cosine says the opposite because it follows colours, of which a mixed picture has to have
others. Hardly any subject is found by the towers, whatever the way: drawings are rough."""
"""What a person sees on the sheet; to be read again whenever it is measured again."""


def b_lora_section() -> str:
    """Return how well B-LoRA separates style from content on pocket."""
    result = read_result("b-lora-pocket")
    setting = (
        f"{len(result['packs'])} styles of one picture each, {result['contents']} content pictures, {result['seeds']} seeds: "
        f'"A [c] in [s] style".\n'
        f"Style: {judge_of_artists(result)} Content: agreement with the content picture on which places look\n"
        "alike; cosine: in pocket's shared space, which follows colours; whether the subject is found. Strength: of the style."
    )
    names = ("style", "content", "cosine", "subject")
    rows = [
        (
            row["way"],
            f"{row['strength']:g}",
            *(with_error(row, name, f"{name}_error") for name in names),
            str(row["pictures"]),
        )
        for row in result["rows"]
    ]
    measured = table(("drawn with", "strength", "style", "content", "cosine", "subject found", "pictures"), rows)
    won = "; ".join(
        f"at equal {measure}, {name}: {each['mean']:+.3f} ({each['low']:+.3f} to {each['high']:+.3f})"
        for measure, found in result["style_won_at_equal"].items()
        for name, each in found.items()
    )
    verdict = f"Style of B-LoRA less that of others, 95 % intervals over content pictures: {won}."
    curve = "![Style against content along strengths](results/b-lora-pocket-curve.png)"
    sheet = "![Content, style, and what each way draws](results/b-lora-pocket.png)"
    told = (setting, measured, verdict, B_LORA_FINDINGS, curve, sheet)
    return section("B-LoRA on pocket", *told, command="b_lora_pocket", result=result)


STYLIZE_FINDINGS = """At 0.4 more than half of what there is to win in style is won, and the picture is still the one that was given: its form, its place
and most of its colours. At 0.6 the style is nearly whole; expressions and small parts are drawn anew. Above it little is gained. The
base alone keeps more of the content at every strength and hardly moves towards the style: the difference is the price of the style."""
"""What the table and the sheet say together; to be read again whenever they are measured again."""


def stylize_section() -> str:
    """Return what redrawing a picture gains in style and costs in content."""
    result = read_result("stylize-pocket")
    setting = (
        f"{result['pictures']} drawings, {len(result['packs'])} learnt styles, {result['seeds']} training each. Style: "
        f"{judge_of_artists(result)} Content: two artists' drawings\nof one subject have {result['content_across_artists']:.3f}."
    )
    rows = [
        (row["way"], f"{row['strength']:g}", *(with_error(row, name, f"{name}_error") for name in ("style", "content")))
        for row in result["rows"]
    ]
    measured = table(("redrawn with", "strength", "style", "content"), rows)
    sheet = "![The drawings given, and redrawn at each strength](results/stylize-pocket.jpg)"
    told = f"Five drawings for each style, from left to right: {', '.join(result['packs'])}."
    parts = (setting, measured, STYLIZE_FINDINGS, told, sheet)
    return section("Redrawing a picture (SDEdit)", *parts, command="stylize_pocket", result=result)


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


STEP_FINDINGS = """What is saved is the encoding of pictures in every step, and of prompts where the text encoders are frozen. In full
fine-tuning they learn, so that prompts are encoded here as well, and the optimiser's way through all weights is the same for
both. With one picture of 128 px a step is bound by the number of its operations, not by their size."""
"""Why the cases differ; to be read again whenever it is measured again."""


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
    return section(title, setting, *parts, STEP_FINDINGS, command=f"step_speed{_compiled(result)}", result=result)


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
    setting = f"On the pack {result['pack']}, {result['pictures']} held-out subjects, {result['seeds']} training each."
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


def measured_parts(*others: str) -> str:
    """Return what the report begins with, and `others` before the speeds."""
    style, speed = read_result("styleforge-pocket"), read_result("speed-pocket")
    told = f"`python -m benchmarks.speed_pocket` ({machine_line(speed)})."
    return "\n\n".join([style_table(), style_notes(style), *others, speed_table(), told])


def stale_note() -> str:
    """Return which results are of weights that are no longer packaged; empty when all are of the present ones."""
    stale = sorted(path.stem for path in RESULTS.glob("*.json") if read_result(path.stem).get("pocket", 0) != POCKET)
    if not stale:
        return ""
    return (
        f"**These numbers are of pocket 0, the base before the present pocket {POCKET}**, whose own card is\n"
        "[here](src/impasto/pocket/model/README.md). They are to be measured again."
    )


SECTIONS = {
    "compare": compare_section,
    "multi-templates": templates_section,
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
    "faults": faults_section,
    "fuzz": fuzz_section,
}
"""What the report tells of each result, if it has been measured."""


def report() -> str:
    """Return `REPORT.md`."""
    parts = [
        "# Measured results",
        "Written by `python -m benchmarks.report` from `benchmarks/results/`.",
        *filter(None, [stale_note().replace("](src/", "](../src/")]),
        measured_parts(),
        *(of_result() for name, of_result in SECTIONS.items() if (RESULTS / f"{name}.json").exists()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the report."""
    REPORT.write_text(report(), "utf-8")
    print(REPORT)


if __name__ == "__main__":
    main()
