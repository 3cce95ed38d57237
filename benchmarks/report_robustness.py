"""What the report says of runs that are killed and files that are damaged."""

from __future__ import annotations

from benchmarks.report_parts import read_result, section, table

SPOKEN = {"checkpoint": "checkpoints", "picture": "pictures", "style": "style files", "toml": "configurations"}


def faults_section() -> str:
    """Return what became of runs that were killed."""
    result = read_result("faults")
    setting = (
        f"{result['runs']} runs of {result['steps']} steps with a checkpoint every {result['checkpoint_every']}, killed by SIGKILL "
        f"{result['deaths']} times.\nEvery run has to end, bit for bit, with the style of one that was never killed."
    )
    told = (
        f"Steps lost by a death: {result['steps_lost_mean']} in the mean, {result['steps_lost_most']} at most. "
        f"Failures: {len(result['failures'])}."
    )
    measured = table(("killed", "times"), result["deaths_by_kind"].items())
    command = f"faults --runs {result['runs']}"
    return section("Killed at any moment", setting, measured, told, command=command, result=result)


def fuzz_section() -> str:
    """Return what became of damaged files."""
    result = read_result("fuzz")
    setting = (
        "Failures are crashes without a one-line error, hangs, code that runs and files outside of the folder. "
        "Accepted\nare files whose damage changes nothing that is read, or values that are allowed."
    )
    rows = [
        (spoken, *(result[kind][name] for name in ("cases", "refused", "accepted")), len(result[kind]["failures"]))
        for kind, spoken in SPOKEN.items()
    ]
    measured = table(("damaged", "files", "refused", "accepted", "failures"), rows)
    return section("Damaged files", setting, measured, command="fuzz", result=result)
