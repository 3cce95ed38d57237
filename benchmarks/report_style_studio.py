"""What the report says of StyleStudio."""

from __future__ import annotations

from benchmarks.report_parts import judge_of_artists, read_result, section, table, with_error


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


STYLE_STUDIO_FINDINGS = """What the paper reports does not come out here: at equal style AdaIN, alone or with teacher and negative style, loses words
against the plain image prompt, and the teacher alone changes nothing. What was found about the reasons:

- **The method, on an adapter that adds.** AdaIN(T, S) replaces the mean of the attention to words by that of the attention
  to the picture. Pocket's adapter, as IP-Adapter, was trained to be added: its S is a shift of T, and T's mean holds the
  background and more of the subject. With the statistics of both together, AdaIN(T, T + S) (`--mix adain_sum`), the loss is gone, at a little less style.
  On the sheet AdaIN washes pictures out, AdaIN of the sum does not.
- **The base.** One block of pocket, the last with attention, decides on subject, background and style together (see its model
  card), so that no choice of blocks can part them: InstantStyle, which shows the picture to that block alone, draws what the
  plain image prompt does. No self-attention comes behind it, so that the teacher's maps cannot hold the layout,
  although maps do decide on it (`benchmarks/attention_maps.py`).
- **The judge.** Cosines of Gram matrices, used before, could not tell artists. With a judge that can, the plain image prompt
  has more style than AdaIN at every cost in words (the curve).
- **What does win words at equal style**: to show the picture in the first 0.4 of the steps alone, at 1.5 times its weight.
  The later steps give the words their subject back. Pocket's presets do that; among some twenty windows and mixes it was
  found on the prompts for choosing, and the table is of the others.
- **Content** hardly leaks: whichever way, the reference's subject is found about as rarely as with words alone."""
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
        f"{result['references']} references of three artists that no training saw, {result['prompts']} prompts of other subjects "
        f"on backgrounds that\nthe reference does not have, {result['references_for_each_prompt']} references for each, 95 % intervals over prompts. Each way at the strength that gave it, on other "
        "prompts,\nas much style as the plain image prompt has; presets as they are.\nStyle: "
        f"{judge_of_artists(result)} Words and style won: against the plain image prompt, paired."
    )
    columns = (
        *("text_alignment", "text_alignment_difference", "style_similarity", "style_similarity_difference"),
        *("named_colour", "subject_right"),
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
    spoken = {
        "text_alignment_difference": "words won",
        "style_similarity_difference": "style won",
        "layout_edges": "layout: edges",
    }
    head = ("drawn with", "strength", *(spoken.get(name, name.replace("_", " ")) for name in columns))
    curve = "![What each strength costs in words and gives in style](results/style-studio-pocket-curve.png)"
    sheet = "![References, and what each way draws](results/style-studio-pocket.png)"
    told = ("StyleStudio on pocket", setting, table(head, rows), STYLE_STUDIO_FINDINGS, curve, sheet)
    return section(*told, command="style_studio_pocket", result=result)
