"""Write `benchmarks/REPORT.md` and the table in `README.md` from the committed results; no number is typed by hand.

Run: `python -m benchmarks.report`
"""

from __future__ import annotations

import json
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


def machine_line(result: dict[str, Any]) -> str:
    """Return where and when a result was measured."""
    machine = result["machine"]
    versions = machine["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores; torch {versions['torch']}, diffusers {versions['diffusers']}, "
        f"transformers {versions['transformers']}; {result['date']}"
    )


def style_table() -> str:
    """Return the table of StyleForge on pocket."""
    result = read_result("styleforge-pocket")
    lines = [
        f"| {result['pictures']} held-back subjects, {result['seeds']} trainings each | KID to the artist's drawings | change | match with the words |",
        "|---|---|---|---|",
    ]
    for row in result["rows"]:
        is_base = row["variant"] == "before"
        name = "pocket before learning" if is_base else f"StyleForge, {row['variant']}"
        change = "" if is_base else f"{row['change']:+.3f} ± {row['change_standard_error']:.3f}"
        distance = f"{row['kid']:.3f} ± {row['kid_standard_error']:.3f}"
        lines.append(f"| {name} | {distance} | {change} | {row['text_similarity']:.3f} |")
    for other in result.get("other_hands", []):
        distance = f"{other['kid']:.3f} ± {other['kid_standard_error']:.3f}"
        lines.append(f"| another hand: {other['hand']} | {distance} | | |")
    lines.append(f"| the artist's own drawings | 0 | | {result['text_similarity_of_real_drawings']:.3f} |")
    return "\n".join(lines)


def style_notes(result: dict[str, Any]) -> str:
    """Return what the columns mean and where they were measured."""
    return (
        "KID: unbiased, on pocket's image features, lower is better, ± jackknife standard error over pictures. Change:\n"
        "after minus before, the same subjects and seeds, ± standard error over subjects and trainings. Match with the\n"
        "words: cosine of picture and caption in pocket's shared space. Rate and captions were chosen on another pack.\n"
        f"`python -m benchmarks.styleforge_pocket{variants_of(result)}` ({machine_line(result)})."
    )


def variants_of(result: dict[str, Any]) -> str:
    """Return the options that a result was made with, if not all variants were measured."""
    chosen = " ".join(f'"{name}"' if " " in name else str(name) for name in result["variants"])
    return f" --variants {chosen}" if chosen else ""


def speed_table() -> str:
    """Return the table of speeds."""
    result = read_result("speed-pocket")
    return "\n".join(
        [
            "| what | measured |",
            "|---|---|",
            f"| 4 pictures, 20 steps | {result['seconds_for_four_pictures_of_20_steps']:.1f} s |",
            f"| `impasto demo`: training and drawing | {result['demo_seconds'] / 60:.1f} min |",
            f"| `impasto demo`: peak memory | {result['demo_peak_memory_gib']:.1f} GiB |",
            f"| `impasto --help` | {result['seconds_for_help']:.2f} s |",
        ]
    )


def b_lora_speed_section() -> str:
    """Return what training two blocks costs against training all."""
    result = read_result("b-lora-speed")
    setting = (
        f"A random UNet of SDXL's topology, {result['unet_parameters_millions']:.0f} M parameters, latents of "
        f"{result['latents']}x{result['latents']}, rank {result['rank']}; medians of paired steps."
    )
    lines = [
        "## B-LoRA: what two blocks cost",
        "",
        setting,
        "",
        "| adapters on | learns | seconds a step | time against all | kept for the backward pass | memory against all |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['way']} | {row['parameters_millions']:.1f} M | {row['seconds_a_step']:.2f} | {row['time_against_all']:.2f} | "
        f"{row['activations_mib']:.0f} MiB | {row['activations_against_all']:.2f} |"
        for row in result["rows"]
    ]
    return "\n".join([*lines, "", f"`python -m benchmarks.b_lora_speed` ({machine_line(result)})."])


def style_studio_cost_section() -> str:
    """Return what StyleStudio costs against a plain image prompt."""
    result = read_result("style-studio-cost")
    lines = [
        "## StyleStudio: what control costs",
        "",
        f"pocket, {result['steps']} steps, teacher in the first {result['teacher']:.0%} of them, a random adapter; processor time of one",
        f"thread, medians of {result['rounds']} paired rounds (lowest and highest ratio); against an image prompt with as many styles.",
        "",
        "| drawn with | seconds a picture | time | peak memory | memory |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        lowest, highest = row["time_lowest_and_highest"]
        lines.append(
            f"| {row['way']} | {row['seconds_a_picture']:.2f} | {row['time_against_image_prompt']:.2f} ({lowest:.2f} to {highest:.2f}) | "
            f"{row['peak_mib']} MiB | {row['peak_against_image_prompt']:.2f} |"
        )
    return "\n".join(
        [*lines, "", f"`python -m benchmarks.style_studio_cost --steps {result['steps']}` ({machine_line(result)})."]
    )


def subdivision_section() -> str:
    """Return how well pocket tells people from backgrounds."""
    result = read_result("subdivision")
    lines = [
        "## Telling people from backgrounds with pocket's encoders",
        "",
        "Zero-shot; the way prompts are averaged was chosen on these same drawings.",
        "",
        "| drawings | number | right | people found | backgrounds found | the larger class alone |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['pictures']} | {row['count']} | {row['accuracy']:.3f} ± {row['standard_error']:.3f} "
        f"| {row['people_found']:.2f} | {row['backgrounds_found']:.2f} | {row['larger_class']:.2f} |"
        for row in result["rows"]
    ]
    return "\n".join([*lines, "", f"`python -m benchmarks.subdivision` ({machine_line(result)})."])


def step_speed_section() -> str:
    """Return the training step against the plain loop, and what each optimisation brings."""
    speed, steps = read_result("step-speed"), read_result("step-ladder")
    lines = [
        "## A training step against the example scripts' loop",
        "",
        f"{speed['threads']} threads, float32 unless named otherwise, medians of {speed['rounds']} paired steps. The plain loop does what",
        "diffusers' DreamBooth and LoRA scripts do in every step (`benchmarks/plain_loop.py`).",
    ]
    for case in speed["cases"]:
        lines += [
            "",
            f"**{case['case']}**",
            "",
            "| | seconds a step | pictures a second | times as fast |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {row['contestant']} | {row['seconds_a_step']:.3f} | {row['pictures_a_second']:.1f} | {row['times_as_fast']:.2f} |"
            for row in case["rows"]
        ]
    lines += ["", f"`python -m benchmarks.step_speed --compile` ({machine_line(speed)})."]
    lines += [
        "",
        "### One optimisation after the other",
        "",
        f"Pocket, rank {steps['rank']}, {steps['pictures']} pictures; each against the rung that it stands on. Predictions were written down before this",
        "was measured; those that failed stay in the table.",
        "",
        "| change | onto | predicted | measured | seconds a step | in impasto | guess |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['rung']} | {row['onto']} | {row['predicted']:.2f} | {row['measured']:.2f} | {row['seconds_a_step']:.3f} | {row['kept']} | {row['why']} |"
        for row in steps["rows"]
    ]
    return "\n".join([*lines, "", f"`python -m benchmarks.step_ladder --compile` ({machine_line(steps)})."])


def memory_section() -> str:
    """Return expected and taken memory."""
    result = read_result("memory-plan")
    lines = ["## Expected memory of a training", "", "| case | expected | taken | error |", "|---|---|---|---|"]
    lines += [
        f"| {row['case']} | {row['expected_gib']:.2f} GiB | {row['taken_gib']:.2f} GiB | {row['error']:+.0%} |"
        for row in result["rows"]
    ]
    return "\n".join([*lines, "", f"`python -m benchmarks.memory_plan` ({machine_line(result)})."])


def choice_section() -> str:
    """Return the table from which the recipe's settings were chosen."""
    result = read_result("styleforge-pocket-choice")
    lines = [
        "## StyleForge on pocket: choosing the settings",
        "",
        f"On the pack {result['pack']}, {result['pictures']} held-back subjects, {result['seeds']} training each.",
        "",
        "| settings | KID | change | match with the words |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['variant']} | {row['kid']:.3f} ± {row['kid_standard_error']:.3f} | "
        f"{row['change']:+.3f} ± {row['change_standard_error']:.3f} | {row['text_similarity']:.3f} |"
        for row in result["rows"]
    ]
    command = f"python -m benchmarks.styleforge_pocket --choose{variants_of(result)}"
    return "\n".join([*lines, "", f"`{command}` ({machine_line(result)})."])


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


def with_section(readme: str, section: str) -> str:
    """Return the README with `section` between the markers."""
    head, _, rest = readme.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n\n{section}\n\n{END}{tail}"


OPTIONAL = {
    "styleforge-pocket-choice": choice_section,
    "step-ladder": step_speed_section,
    "memory-plan": memory_section,
}
"""Sections whose measurement is not part of every checkout yet, by its result."""


def report() -> str:
    """Return `REPORT.md`."""
    sections = [
        "# Measured results",
        "Written by `python -m benchmarks.report` from `benchmarks/results/`.",
        measured_section(),
        b_lora_speed_section(),
        style_studio_cost_section(),
        subdivision_section(),
        *(section() for name, section in OPTIONAL.items() if (RESULTS / f"{name}.json").exists()),
    ]
    return "\n\n".join(sections) + "\n"


def main() -> None:
    """Write both files."""
    REPORT.write_text(report(), "utf-8")
    README.write_text(with_section(README.read_text("utf-8"), measured_section()), "utf-8")
    print(measured_section())


if __name__ == "__main__":
    main()
