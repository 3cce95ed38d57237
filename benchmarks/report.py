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
        f"| on {result['pictures']} held-back subjects | KID to the artist's drawings, lower is better | match with the words |",
        "|---|---|---|",
    ]
    for row in result["rows"]:
        name = "pocket before learning" if row["variant"] == "before" else f"StyleForge, {row['variant']}"
        lines.append(f"| {name} | {row['kid']:.3f} ± {row['kid_standard_error']:.3f} | {row['text_similarity']:.3f} |")
    lines.append(f"| the artist's own drawings | 0 | {result['text_similarity_of_real_drawings']:.3f} |")
    return "\n".join(lines)


def speed_table() -> str:
    """Return the table of speeds."""
    result = read_result("speed-pocket")
    return "\n".join(
        [
            "| what | measured |",
            "|---|---|",
            f"| 4 pictures, 20 steps, guidance 5 | {result['seconds_for_four_pictures_of_20_steps']:.1f} s |",
            f"| `impasto demo`: training and drawing | {result['demo_seconds'] / 60:.1f} min |",
            f"| `impasto demo`: peak memory | {result['demo_peak_memory_gib']:.1f} GiB |",
            f"| `impasto --help` | {result['seconds_for_help']:.2f} s |",
        ]
    )


def measured_section() -> str:
    """Return what stands between the markers in the README."""
    style, speed = read_result("styleforge-pocket"), read_result("speed-pocket")
    return "\n\n".join(
        [
            style_table(),
            f"KID: unbiased, ± jackknife standard error, on pocket's image features. Match with the words: cosine of picture\nand caption in pocket's shared space. `python -m benchmarks.styleforge_pocket`\n({machine_line(style)}).",
            speed_table(),
            f"`python -m benchmarks.speed_pocket` ({machine_line(speed)}).",
        ]
    )


def with_section(readme: str, section: str) -> str:
    """Return the README with `section` between the markers."""
    head, _, rest = readme.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n\n{section}\n\n{END}{tail}"


def report() -> str:
    """Return `REPORT.md`."""
    return f"# Measured results\n\nWritten by `python -m benchmarks.report` from `benchmarks/results/`.\n\n{measured_section()}\n"


def main() -> None:
    """Write both files."""
    REPORT.write_text(report(), "utf-8")
    README.write_text(with_section(README.read_text("utf-8"), measured_section()), "utf-8")
    print(measured_section())


if __name__ == "__main__":
    main()
