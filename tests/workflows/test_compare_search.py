"""The search over steps of `impasto compare`: on another style, stopped early, kept like all trials."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from impasto.comparison import compare as workflow
from impasto.comparison.compare import compare
from impasto.comparison.config import CompareOptions
from impasto.comparison.duration import format_time_left
from impasto.comparison.plan import plan_comparison
from impasto.comparison.step_search import is_over, search_state
from impasto.comparison.trial import Trial
from impasto.core.errors import ConfigError, ImpastoError, ResourceError
from impasto.core.events import Planned, Progress
from small_comparisons import LORA, pretended, read_config, recipe_file, source, style_folders

SEARCHED = {name: value for name, value in LORA.items() if name != "steps"}
METHODS = {"base": {}, "low": SEARCHED, "lower": SEARCHED | {"rank": 1}, "stated": LORA | {"rank": 3}}
DISTANCES = {"low": [3.0, 1.0, 2.0, 1.0, 0.0], "lower": [3.0, 2.0, 1.0, 1.5, 0.5]}


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("styles")
    style_folders(folder / "compared", seed=1)
    style_folders(folder / "other", seed=5)
    return folder


@pytest.fixture
def recipe(tmp_path: Path, tiny_folders: dict[str, Path], styles: Path) -> Path:
    return written(tmp_path, tiny_folders, styles)


def written(
    folder: Path,
    tiny_folders: dict[str, Path],
    styles: Path,
    search: dict[str, object] | None = None,
    **changes: object,
) -> Path:
    told = {"style": source("other", styles / "other"), "every": 2, "patience": 2, "max_steps": 10} | (search or {})
    values = {"methods": METHODS, "search": told, "strengths": []} | changes
    return recipe_file(folder, tiny_folders["sdxl"], styles / "compared", **values)


def distance(trial: Trial) -> float:
    if trial.style == "other":
        return DISTANCES[trial.row][int(str(trial.values["steps"])) // 2 - 1]
    return 1.0


def run(recipe: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return which trials a comparison ran, in order."""
    begun: list[str] = []

    def noted(trial: Trial) -> None:
        begun.append(f"{trial.row} {trial.style} {trial.seed} {trial.values.get('steps', '')}")
        pretended(distance)(trial)

    monkeypatch.setattr(workflow, "run_trial", noted)
    list(compare(CompareOptions(comparison=recipe, out=out, device="cpu")))
    return begun


def test_a_search_ends_when_nothing_got_better_for_a_while() -> None:
    assert not is_over([3.0], 1)
    assert not is_over([3.0, 2.0], 1)
    assert is_over([3.0, 3.0], 1)  # as good is not better
    assert not is_over([3.0, 2.0, 2.5], 2)
    assert is_over([3.0, 2.0, 2.5, 2.1], 2)
    assert not is_over([3.0, 2.0, 2.5, 1.9], 2)


def test_the_best_steps_are_used_in_all_cells(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = run(recipe, tmp_path / "out", monkeypatch)
    rounds = [f"{row} other 0 {steps}" for steps in (2, 4, 6, 8) for row in ("low", "lower")]
    assert begun[:9] == [*rounds, "lower other 0 10"]  # low: 4 was best, and two brought no improvement
    rows = {"base": "", "low": 4, "lower": 10, "stated": 3}
    assert begun[9:] == [f"{row} blocks {seed} {steps}" for seed in (0, 1) for row, steps in rows.items()]


def test_the_search_is_in_all_reports(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(recipe, tmp_path / "out", monkeypatch)
    facts = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert facts["partial"] is None
    assert {row: each["steps"] for row, each in facts["search"].items()} == {"low": 4, "lower": 10}
    assert {steps: each["mean"] for steps, each in facts["search"]["low"]["KID"].items()} == {
        "2": 3.0,
        "4": 1.0,
        "6": 2.0,
        "8": 1.0,
    }
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "## Steps, chosen on other" in table
    assert "| low | 4 | 1.000 ± 0.100 | 2, 4, 6, 8 |" in table
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("<polyline") == 2
    assert "steps of the training" in page


def test_a_search_goes_on_where_it_was_stopped(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "run_trial", pretended(distance))
    with closing(compare(CompareOptions(comparison=recipe, out=tmp_path / "out", device="cpu"))) as events:
        for event in events:
            if isinstance(event, Progress) and event.done == 3:
                break  # as Ctrl+C would
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "**Partial: 0 of 8 trials are done; missing: base on blocks, seed 0, stated on blocks, seed 0" in table
    assert "all of low, whose steps are not known yet" in table
    assert "| lower | not known yet | 3.000 ± 0.100 | 2 |" in table
    assert run(recipe, tmp_path / "out", monkeypatch)[:2] == ["low other 0 6", "lower other 0 4"]
    assert run(recipe, tmp_path / "out", monkeypatch) == []


def test_the_plan_shows_the_search(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = CompareOptions(comparison=recipe, out=tmp_path / "out", device="cpu", dry_run=True)

    def rows() -> dict[str, str]:
        (plan,) = compare(options)
        assert isinstance(plan, Planned)
        return dict(plan.rows)

    assert rows()["search"] == "on other, every 2 up to 10 steps, until 2 in a row bring no improvement"
    assert rows()["steps"] == "low not known yet, lower not known yet"
    assert not (tmp_path / "out").exists()
    run(recipe, tmp_path / "out", monkeypatch)
    assert rows()["steps"] == "low 4, lower 10"
    assert rows()["trials"] == "8, of which 8 are done"


def test_expected_time_counts_what_is_left(
    tmp_path: Path, tiny_folders: dict[str, Path], styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, tiny_folders, styles, methods={"base": {}, "low": SEARCHED}, strengths=[0.5, 1.0])
    plan = plan_comparison(read_config(path), CompareOptions(comparison=path, out=tmp_path / "out", device="cpu"))
    drawing = 10 * 2 * 2  # prompts, steps, guidance
    trials = 2 * drawing + 2 * (3.5 * 10 * 2 + 2 * drawing)  # style and Aux in each of ten steps, two strengths
    points = sum(3.5 * steps * 2 + drawing for steps in (2, 4, 6, 8, 10))
    assert format_time_left(plan, search_state(plan), 1.0) == f"at most {(trials + points) / 60:.0f} min"
    run(path, tmp_path / "out", monkeypatch)
    assert format_time_left(plan, search_state(plan), 1.0) == "about 0 s"


def test_a_method_whose_training_fails_does_not_stop_the_others(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(trial: Trial) -> None:
        if trial.row == "low" and trial.values["steps"] == 4:
            raise ConfigError("one line")
        pretended(distance)(trial)

    monkeypatch.setattr(workflow, "run_trial", failing)
    with pytest.raises(ResourceError, match=r"1 trial.s. failed, such as low on other, seed 0, 4 steps .one line"):
        list(compare(CompareOptions(comparison=recipe, out=tmp_path / "out", device="cpu")))
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "6 of 8 trials are done; missing: all of low, whose steps are not known yet; low on other" in table
    assert "| lower | 10 |" in table


def test_a_found_cell_is_the_cell_of_a_row_that_states_its_steps(
    tmp_path: Path, tiny_folders: dict[str, Path], styles: Path
) -> None:
    def trials(path: Path, **steps: int) -> list[Trial]:
        return plan_comparison(read_config(path), CompareOptions(comparison=path, out=tmp_path)).trials(steps)

    searched = trials(written(tmp_path, tiny_folders, styles, methods={"low": SEARCHED}), low=7)
    stated = trials(
        recipe_file(
            tmp_path, tiny_folders["sdxl"], styles / "compared", methods={"low": LORA | {"steps": 7}}, strengths=[]
        )
    )
    assert [trial.key for trial in searched] == [trial.key for trial in stated]
    assert searched[0].values["steps"] == 7
    with_strengths = written(tmp_path, tiny_folders, styles, methods={"low": SEARCHED}, strengths=[0.5])
    plan = plan_comparison(read_config(with_strengths), CompareOptions(comparison=with_strengths, out=tmp_path))
    assert not any(trial.strengths for point in plan.points(plan.searched[0]) for trial in point)


def test_two_rows_that_turn_out_the_same_share_their_cells(
    tmp_path: Path, tiny_folders: dict[str, Path], styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, tiny_folders, styles, methods={"low": SEARCHED, "stated": LORA | {"steps": 4}}, seeds=[0])
    assert sum(" blocks " in each for each in run(path, tmp_path / "out", monkeypatch)) == 1
    facts = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert facts["partial"] is None
    assert set(facts["table"]["blocks"]) == {"low", "stated"}


def test_several_seeds_give_a_mean(
    tmp_path: Path, tiny_folders: dict[str, Path], styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, tiny_folders, styles, search={"seeds": [3, 4]}, methods={"low": SEARCHED})
    monkeypatch.setattr(workflow, "run_trial", pretended(lambda trial: trial.seed + distance(trial)))
    list(compare(CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")))
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["search"]["low"]
    assert found["KID"]["2"]["mean"] == 6.5
    assert found["KID"]["2"]["seeds"] == 2


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "compared": ({"style": "COMPARED"}, "search.style another is compared itself, as style blocks"),
    "nothing measured": ({"every": 20}, "max_steps = 10 is less than every = 20"),
    "seeds": ({"seeds": [1, 1]}, "seeds must differ"),
    "unknown": ({"step": 3}, "step"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_searches_are_told_before_anything_runs(
    tmp_path: Path, tiny_folders: dict[str, Path], styles: Path, case: str
) -> None:
    search, told = WRONG[case]
    changes = {key: source("another", styles / "compared") if key == "style" else each for key, each in search.items()}
    path = written(tmp_path, tiny_folders, styles, search=changes)
    with pytest.raises(ImpastoError, match=told) as caught:
        list(compare(CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")))
    assert "\n" not in str(caught.value)


def test_a_search_for_nothing_is_refused(tmp_path: Path, tiny_folders: dict[str, Path], styles: Path) -> None:
    path = written(tmp_path, tiny_folders, styles, methods={"base": {}, "stated": LORA})
    with pytest.raises(ConfigError, match="search has no effect: every method states its steps or learns nothing"):
        list(compare(CompareOptions(comparison=path, out=tmp_path / "out", device="cpu")))
