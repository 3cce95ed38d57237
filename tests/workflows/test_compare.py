"""`impasto compare` from end to end on a tiny base: trials are kept, partial reports say so, workers change nothing."""

import json
import math
import re
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import stdev

import pytest
from pydantic import ValidationError

from impasto.cli.main import main
from impasto.comparison import compare as workflow
from impasto.comparison.aggregate import Number, best, half_interval
from impasto.comparison.compare import compare
from impasto.comparison.config import CompareOptions, ComparisonConfig
from impasto.comparison.plan import plan_comparison
from impasto.comparison.refresh import refresh_report
from impasto.comparison.trial import Trial, picture_seed, run_trial, thinned
from impasto.core.errors import ImpastoError, ResourceError
from impasto.core.events import Planned, Progress
from impasto.registry.recipes import guidance_for
from impasto.reporting.plots import curves
from small_comparisons import LORA, METHODS, read_config, recipe_file, style_folders


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return style_folders(tmp_path_factory.mktemp("pictures"))


def numbers(out: Path) -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads((out / "report.json").read_text("utf-8"))["table"]
    return found


def keys(out: Path) -> dict[str, str]:
    trials = json.loads((out / "report.json").read_text("utf-8"))["trials"]
    return {label: each["key"] for label, each in trials.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_folders: dict[str, Path], pictures: Path) -> Path:
    """The folder of a finished comparison: base and a low-rank StyleForge, one style, two seeds."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = recipe_file(folder, tiny_folders["sdxl"], pictures)
    assert main(["compare", str(recipe), "--out", str(folder / "out"), "--device", "cpu"]) == 0
    return folder


def test_report_has_intervals_pictures_and_curves_and_needs_no_other_file(finished: Path) -> None:
    out = finished / "out"
    table = (out / "table.md").read_text("utf-8")
    assert "Partial" not in table
    assert re.search(r"\| low rank \|.* ± .*\| 2 \|", table)
    assert "| method | KID ↓ |" in table
    page = (out / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 3 * 3  # real, base, low rank; three prompts
    assert page.count("<polyline") == 3  # of the low rank: loss, distance and words by strength
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "http" not in page
    facts = json.loads((out / "report.json").read_text("utf-8"))
    assert facts["partial"] is None
    assert set(facts["trials"]) == {f"{row} on blocks, seed {seed}" for row in METHODS for seed in (0, 1)}


def test_a_number_is_the_mean_over_seeds_with_its_interval(finished: Path) -> None:
    trials = [json.loads(path.read_text("utf-8")) for path in (finished / "out" / "trials").glob("*/trial.json")]
    values = sorted(
        each["value"]
        for trial in trials
        if trial["row"] == "low rank"
        for each in trial["measured"]
        if each["name"] == "KID"
    )
    told = numbers(finished / "out")["blocks"]["low rank"]["KID"]  # type: ignore[index]
    assert told["mean"] == pytest.approx(sum(values) / 2)
    assert told["half"] == pytest.approx(12.706 * (values[1] - values[0]) / 2, rel=1e-4)


def test_strengths_are_measured_with_the_style_at_that_scale(finished: Path) -> None:
    facts = json.loads((finished / "out" / "report.json").read_text("utf-8"))
    strengths = facts["strengths"]["blocks"]
    assert list(strengths) == ["low rank"]
    assert list(strengths["low rank"]) == ["0.5", "1"]
    assert strengths["low rank"]["1"] == facts["table"]["blocks"]["low rank"]
    assert strengths["low rank"]["0.5"]["KID"]["mean"] != strengths["low rank"]["1"]["KID"]["mean"]
    told = f"{strengths['low rank']['0.5']['KID']['mean']:.3f} ±"
    table = (finished / "out" / "table.md").read_text("utf-8")
    assert "| method | | x 0.5 | x 1 |" in table
    assert f"| low rank | KID | {told}" in table
    assert "| low rank | text alignment |" in table


def test_a_report_is_written_again_from_its_own_trials_alone(finished: Path, tmp_path: Path) -> None:
    """Others may lie beside them: of options that were changed since, or of rows that were left out."""
    out = tmp_path / "out"
    shutil.copytree(finished / "out", out)
    before = (out / "table.md").read_text("utf-8")
    (key,) = (key for label, key in keys(out).items() if label == "low rank on blocks, seed 0")
    for name, row in (("changed", "low rank"), ("left-out", "another")):
        shutil.copytree(out / "trials" / key, out / "trials" / name)
        facts = json.loads((out / "trials" / name / "trial.json").read_text("utf-8")) | {"row": row}
        (out / "trials" / name / "trial.json").write_text(json.dumps(facts))
    assert refresh_report(out)
    assert (out / "table.md").read_text("utf-8") == before
    (out / "trials" / key / "trial.json").unlink()
    assert refresh_report(out)
    assert "**Partial: 3 of 4 trials are done; missing: low rank on blocks, seed 0.**" in (out / "table.md").read_text()


def test_a_second_run_does_nothing_and_another_option_does(
    finished: Path, tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path
) -> None:
    def trials(**changes: object) -> list[Trial]:
        path = recipe_file(tmp_path, tiny_folders["sdxl"], pictures, **changes)
        options = CompareOptions(comparison=path, out=finished / "out", device="cpu")
        with closing(compare(options)) as events:  # the plan alone
            plan = next(events)
        assert isinstance(plan, Planned)
        return plan_comparison(read_config(path), options).trials({})

    assert all(trial.file.is_file() for trial in trials())
    assert all(trial.file.is_file() for trial in trials(methods={"base": {}, "another name": LORA}))
    for change in ({"steps": 3}, {"threads": 2}, {"num_prompts": 10}, {"methods": {"low rank": LORA}, "strengths": []}):
        assert not any(trial.file.is_file() for trial in trials(**change))
    changed = trials(methods={"base": {}, "low rank": LORA | {"rank": 3}}, seeds=[0, 2])
    assert [trial.file.is_file() for trial in changed] == [True, False, False, False]


def test_an_interrupted_comparison_leaves_a_partial_report_and_goes_on(
    finished: Path, tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe_file(tmp_path, tiny_folders["sdxl"], pictures)
    options = CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")
    with closing(compare(options)) as events:
        for event in events:
            if isinstance(event, Progress) and event.done == 1:
                break  # as Ctrl+C would
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "**Partial: 1 of 4 trials are done; missing: low rank on blocks, seed 0" in table
    assert "Partial" in (tmp_path / "out" / "report.html").read_text("utf-8")
    begun: list[str] = []
    monkeypatch.setattr(workflow, "run_trial", lambda trial: (begun.append(trial.label()), run_trial(trial))[1])
    list(compare(options))
    assert begun == ["low rank on blocks, seed 0", "base on blocks, seed 1", "low rank on blocks, seed 1"]
    assert numbers(tmp_path / "out") == numbers(finished / "out")


def test_a_cell_that_fails_is_told_and_the_others_are_kept(
    tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path
) -> None:
    path = recipe_file(
        tmp_path,
        tiny_folders["sdxl"],
        pictures,
        seeds=[0],
        methods={"base": {}, "wild": LORA | {"learning_rate": 1e30}},
    )
    with pytest.raises(
        ResourceError, match=r"1 trial.s. failed, such as wild on blocks, seed 0 .the loss stopped"
    ) as caught:
        list(compare(CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")))
    assert "\n" not in str(caught.value)
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "1 of 2 trials are done; missing: wild on blocks, seed 0; wild on blocks, seed 0 failed: the loss" in table
    assert "| base |" in table


# Executors


def test_processes_give_the_results_of_a_serial_run(
    finished: Path, tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path
) -> None:
    path = recipe_file(tmp_path, tiny_folders["sdxl"], pictures)
    list(compare(CompareOptions(comparison=path, out=tmp_path / "out", device="cpu", workers=2)))
    assert numbers(tmp_path / "out") == numbers(finished / "out")
    for file in (finished / "out" / "trials").glob("*/*.png"):
        assert (tmp_path / "out" / "trials" / file.parent.name / file.name).read_bytes() == file.read_bytes()


# Parts


def test_pictures_have_the_noise_of_prompt_and_seed() -> None:
    seeds = [picture_seed(seed, index) for seed in range(3) for index in range(1000)]
    assert len(set(seeds)) == 3000


def test_thinned_losses_keep_the_mean() -> None:
    losses = [float(step) for step in range(1000)]
    points = thinned(losses)
    assert len(points) == 200
    assert points[0] == (5, 2.0)
    assert points[-1][0] == 1000
    assert thinned([3.0]) == [(1, 3.0)]


@pytest.mark.parametrize(
    ("count", "quantile"), [(2, 12.706), (11, 2.228), (12, 2.201), (21, 2.086), (31, 2.042), (121, 1.980)]
)
def test_the_interval_is_students(count: int, quantile: float) -> None:
    """Quantiles 0.975 from published tables, by degrees of freedom: `count` - 1."""
    values = [float(index % 2) for index in range(count)]
    assert half_interval(values) * math.sqrt(count) / stdev(values) == pytest.approx(quantile, abs=1e-3)


def test_best_follows_the_direction() -> None:
    rows = {
        name: {
            "KID": Number(value, 0, 1, "lower", ""),
            "text": Number(value, 0, 1, "higher", ""),
            "x": Number(value, 0, 1, "neither", ""),
        }
        for name, value in (("a", 1.0), ("b", 2.0))
    }
    assert [best(rows, name) for name in ("KID", "text", "x")] == ["a", "b", ""]


def test_captions_of_auxiliary_pictures_are_part_of_a_cell(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    def keys() -> list[str]:
        return [
            trial.key
            for trial in plan_comparison(read_config(path), CompareOptions(comparison=path, out=tmp_path)).trials({})
        ]

    methods = {"with": LORA | {"aux_captions": True}, "without": LORA | {"captions": True}}
    path = recipe_file(tmp_path, tiny_folders["sdxl"], style_folders(tmp_path), methods=methods, seeds=[0])
    before = keys()
    picture = next((tmp_path / "aux").glob("*.png"))
    picture.with_suffix(".txt").write_text("something else")
    assert keys()[0] != before[0]
    assert keys()[1] == before[1]


def test_rows_may_show_parts_of_a_pack(tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    methods = {
        "all": LORA,
        "people": LORA | {"style_part": "people"},
        "five, some Aux": LORA | {"style_part": 5, "aux_part": "backgrounds"},
        "more style": LORA | {"aux_part": "held_out/1-20"},
        "dreambooth": {},
    }
    style = {
        "name": "openmoji",
        "style_images": "pack:openmoji",
        "aux_images": "pack:openmoji",
        "reference": "pack:openmoji/held_out/21-80",
    }
    path = recipe_file(
        tmp_path, tiny_folders["sdxl"], pictures, methods=methods, styles=[style], seeds=[0], num_prompts=10
    )
    trials = {
        trial.row: trial
        for trial in plan_comparison(read_config(path), CompareOptions(comparison=path, out=tmp_path / "out")).trials(
            {}
        )
    }
    assert trials["people"].training == trials["people"].values["style_images"] == "pack:openmoji/people"
    assert trials["five, some Aux"].values["style_images"] == "pack:openmoji/5"
    assert trials["five, some Aux"].values["aux_images"] == "pack:openmoji/backgrounds"
    assert trials["more style"].values["aux_images"] == "pack:openmoji/held_out/1-20"
    assert "aux_images" not in trials["dreambooth"].values  # its prior is drawn by the base
    assert len({trial.key for trial in trials.values()}) == 5


def test_words_may_stand_in_each_clause(tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    multi = LORA | {"method": "multi_styleforge", "steps": 1}
    methods = {"before": multi, "in clauses": multi | {"decompose": True}}
    changes = {"methods": methods, "styles": ["pack:openmoji"], "seeds": [0], "num_prompts": 12, "strengths": []}
    path = recipe_file(tmp_path, tiny_folders["sdxl"], pictures, **changes)
    options = CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")
    list(compare(options))
    before, apart = (
        json.loads(trial.file.read_text()) for trial in plan_comparison(read_config(path), options).trials({})
    )
    first, second = before["drawn_with"][0].partition(f", {before['prompts'][0]}")[0].split(", ")
    assert before["drawn_with"] == [f"{first}, {second}, {prompt}" for prompt in before["prompts"]]
    assert apart["prompts"] == before["prompts"]
    assert apart["drawn_with"][0] == f"an airplane on a green background, {second}"  # it names no person
    assert apart["drawn_with"][4] == f"a baby, {first}, on a pink background, {second}"


def test_curves_show_negative_values_below_the_axis() -> None:
    drawn = curves({"a": [(1, -1.0), (2, 1.0)]}, across="step", up="KID")
    assert ">-1</text>" in drawn
    assert drawn.count("<circle") == 2
    heights = [float(each) for each in re.findall(r'cy="([\d.]+)"', drawn)]
    assert heights[0] > heights[1] >= 0


def test_curves_escape_names_and_need_points() -> None:
    assert curves({"a": []}, across="step", up="loss") == ""
    drawn = curves({"<b>": [(1, 2.0), (10, 1.0)]}, across="step", up="loss")
    assert "&lt;b&gt;" in drawn
    assert drawn.count("<polyline") == 1


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "unknown method": ({"methods": {"nothing": {}}}, "unknown method 'nothing'"),
    "unknown option": ({"methods": {"styleforge": {"stepz": 3}}}, "methods.styleforge: unknown option 'stepz'"),
    "seed": ({"methods": {"styleforge": {"seed": 3}}}, "methods.styleforge: 'seed' is set by the comparison itself"),
    "base learns": ({"methods": {"base": {"steps": 3}}}, "the base learns nothing, so 'steps' has no effect"),
    "the same": ({"methods": {"a": LORA, "b": LORA}}, "a on blocks and b on blocks are the same in every option"),
    "pack": ({"styles": ["openmoji"]}, "'openmoji' is no pack: write pack:NAME"),
    "seeds": ({"seeds": [1, 1]}, "seeds must differ"),
    "strengths twice": ({"strengths": [1.0, 1.0]}, "strengths must differ"),
    "strengths of nothing": ({"methods": {"base": {}}}, "strengths have no effect: no method learns a style"),
    "part of a folder": (
        {"methods": {"a": LORA | {"style_part": "people"}}},
        "methods.a: style_part 'people' is a part of a pack, and .*style is a folder",
    ),
    "no clauses": (
        {"methods": {"a": LORA | {"decompose": True}}},
        "methods.a: decompose has no effect: styleforge does not divide a style into people and backgrounds",
    ),
    "no flag": ({"methods": {"a": LORA | {"decompose": "yes"}}}, "methods.a: decompose = 'yes': write true or false"),
    "part of no Aux": (
        {"methods": {"a": LORA | {"aux": "none", "aux_part": "people"}}},
        "methods.a: aux_part 'people' has no effect: the style's auxiliary pictures are not shown",
    ),
    "part of a pack as a style": ({"styles": ["pack:openmoji/people"]}, "'pack:openmoji/people' is no pack"),
    "reference is learnt from": (
        {
            "styles": [{"name": "x", "style_images": "pack:openmoji/held_out/5", "reference": "pack:openmoji"}],
            "methods": {"a": LORA},
        },
        "methods.a on x: .*png of the reference is learnt from too",
    ),
    "features": ({"features": "csd"}, "features csd need a file of weights"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_recipes_are_told_before_anything_runs(
    tiny_folders: dict[str, Path], pictures: Path, tmp_path: Path, case: str
) -> None:
    changes, told = WRONG[case]
    path = recipe_file(tmp_path, tiny_folders["sdxl"], pictures, **changes)
    with pytest.raises(ImpastoError, match=told) as caught:
        list(compare(CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_guidance_is_that_of_the_base_unless_named() -> None:
    row = {"methods": {"base": {}}, "styles": ["pack:openmoji"]}
    assert ComparisonConfig.model_validate(row).guidance_scale == guidance_for("pocket") == 3.0
    assert ComparisonConfig.model_validate(row | {"base": "somewhere/else"}).guidance_scale == 5.0
    assert ComparisonConfig.model_validate(row | {"guidance_scale": 7.5}).guidance_scale == 7.5
    with pytest.raises(ValidationError, match="base"):
        ComparisonConfig.model_validate(row | {"base": 3})
