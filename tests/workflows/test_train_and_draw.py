"""The whole way through the command line, on a tiny SDXL base: train, draw, restyle, extract, look."""

import contextlib
import json
import re
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.cli.commands.doctor import EXTRAS
from impasto.cli.main import main
from impasto.style.file import load_style, read_card

Run = Callable[..., str]
LORA = ("--learn", "lora", "--rank", "2", "--learning-rate", "1e-2")
FULL = ("--learn", "full", "--learning-rate", "1e-2")


@pytest.fixture(scope="module")
def trained(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a low-rank style that took samples, a full one that took none, and both run folders."""
    folder = tmp_path_factory.mktemp("trained")
    for stream, seed in (("style", 1), ("aux", 2)):
        (folder / stream).mkdir()
        for index in range(4):
            blocks = np.random.default_rng(10 * seed + index).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(blocks).resize((40, 36), Image.Resampling.NEAREST).save(folder / stream / f"{index}.png")
    common = ["train", "styleforge", "--base", str(tiny_folders["sdxl"]), "--style-images", "style", "--steps", "3"]
    with contextlib.chdir(folder):
        lora = [*LORA, "--aux-images", "aux", "--learn-text", "--sample-every", "2"]
        assert main([*common, *lora, "--out", "lora.safetensors", "--run-dir", "lora-run"]) == 0
        assert main([*common, *FULL, "--sample-every", "0", "--out", "full.safetensors", "--run-dir", "full-run"]) == 0
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in an empty folder; returns what it printed after making sure that it went well."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")

    def in_folder(*arguments: object) -> str:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        assert printed.err == ""
        return printed.out

    return in_folder


@pytest.fixture
def learn(run: Run, tiny_folders: dict[str, Path], style_images: Path) -> Run:
    """Train two steps of a low-rank style without samples, unless told otherwise; the run folder is named after it."""

    def train(out: str, *more: object) -> str:
        flags = ("--base", tiny_folders["sdxl"], "--steps", 2, "--sample-every", 0, "--style-images", style_images)
        kind = () if "full" in more else LORA
        return run("train", "styleforge", *flags, *kind, "--out", out, "--run-dir", Path(out).stem, *more)

    return train


@pytest.fixture
def generate(run: Run, tiny_folders: dict[str, Path]) -> Run:
    """Draw with the tiny base, four steps."""
    return lambda *more: run("generate", "--base", tiny_folders["sdxl"], "--steps", 4, *more)


def files_below(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in found}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def events_of(folder: Path, kind: str) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
    return [row for row in rows if row["event"] == kind]


# Training


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_style_file_says_what_it_is(trained: Path, kind: str) -> None:
    style = load_style(trained / f"{kind}.safetensors")
    assert (style.card.kind, style.card.method, style.card.family) == (kind, "styleforge", "sdxl")
    assert (style.card.steps, style.card.is_complete, style.card.style_words) == (3, True, "zwx style")
    assert style.card.loss == pytest.approx(events_of(trained / f"{kind}-run", "TrainStep")[-1]["loss"], abs=1e-5)
    assert style.card.config["learn"] == kind
    assert style.card.config["learning_rate"] == 1e-2
    pictures = {"lora": {"style": 4, "aux": 4}, "full": {"style": 4}}[kind]
    assert {stream: len(hashes) for stream, hashes in style.card.pictures.items()} == pictures
    assert all(name.startswith("delta.unet.") == (kind == "full") for name in style.tensors)
    assert any(tensor.any() for name, tensor in style.tensors.items() if "lora_A" not in name)


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_card_holds_no_path_of_this_machine(trained: Path, tiny_folders: dict[str, Path], kind: str) -> None:
    card = read_card(trained / f"{kind}.safetensors")
    assert card.base == "sdxl"
    assert card.config["base"] == "sdxl"
    assert card.config["style_images"] == "style"
    text = card.model_dump_json()
    assert not any(str(folder) in text for folder in (trained, tiny_folders["sdxl"].parent, Path.home()))
    assert '"/' not in text


def test_card_holds_no_path_when_folders_are_given_in_full(learn: Run, tmp_path: Path, aux_images: Path) -> None:
    learn(str(tmp_path / "deep" / "fox.safetensors"), "--aux-images", aux_images)
    card = read_card(tmp_path / "deep" / "fox.safetensors")
    assert (card.config["style_images"], card.config["aux_images"]) == ("style-pictures", "aux-pictures")
    assert str(tmp_path) not in card.model_dump_json()


@pytest.mark.parametrize(("kind", "sampled"), [("lora", [0, 2, 3]), ("full", [])])
def test_run_folder_tells_the_whole_run(trained: Path, kind: str, sampled: list[int]) -> None:
    folder = trained / f"{kind}-run"
    facts = json.loads((folder / "run.json").read_text("utf-8"))
    assert facts["outcome"] == "complete"
    assert facts["options"]["steps"] == 3
    assert facts["plan"]["method"] == "styleforge  (arXiv:2404.05256v2)"
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["seconds"] >= 0
    steps = events_of(folder, "TrainStep")
    assert [row["step"] for row in steps] == [1, 2, 3]
    assert all(np.isfinite(row["loss"]) for row in steps)
    assert [name for name, _ in steps[0]["parts"]] == (["style", "aux"] if kind == "lora" else ["style"])
    assert [row["steps"] for row in events_of(folder, "Saved")] == [3]
    assert min(pixels(folder / "loss.png").shape[:2]) > 200
    assert [row["step"] for row in events_of(folder, "Sampled")] == sampled
    assert sorted(path.name for path in folder.glob("samples/*")) == [f"step-{step:06d}.png" for step in sampled]
    assert (folder / "samples.png").exists() is bool(sampled)
    verdicts = [(row["step"], row["kept"], row["is_final"]) for row in events_of(folder, "Verdict")]
    assert verdicts == ([(2, None, False), (3, None, True)] if sampled else [])


def test_samples_change_while_the_style_is_learnt(trained: Path) -> None:
    before, after = (pixels(trained / f"lora-run/samples/step-{step:06d}.png") for step in (0, 3))
    assert before.shape == (32, 4 * 32, 3)
    assert np.abs(before - after).max() > 0


def test_the_same_seed_gives_the_same_style(learn: Run, aux_images: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        learn(f"{name}.safetensors", "--aux-images", aux_images, "--seed", seed, "--flips", "--batch-size", 2)
    one, two, three = (load_style(tmp_path / f"{name}.safetensors").tensors for name in ("one", "two", "three"))
    assert one.keys() == two.keys() == three.keys()
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert not all(torch.equal(tensor, three[name]) for name, tensor in one.items())


def test_without_auxiliary_pictures_it_says_so(learn: Run, tmp_path: Path) -> None:
    told = learn("fox.safetensors")
    assert "no auxiliary pictures (--aux-images DIR or --aux generate): λ = 0, only the style is shown" in told
    assert "aux pictures" not in told
    assert [row["parts"][0][0] for row in events_of(tmp_path / "fox", "TrainStep")] == ["style"] * 2
    for row in events_of(tmp_path / "fox", "TrainStep"):
        assert row["loss"] == pytest.approx(row["parts"][0][1])


def test_loss_is_style_plus_lambda_times_aux(learn: Run, aux_images: Path, tmp_path: Path) -> None:
    told = learn("fox.safetensors", "--aux-images", aux_images, "--prior-weight", 0.5)
    assert "λ = 0" not in told
    for row in events_of(tmp_path / "fox", "TrainStep"):
        parts = dict(row["parts"])
        assert row["loss"] == pytest.approx(parts["style"] + 0.5 * parts["aux"], rel=1e-5)


def test_auxiliary_pictures_drawn_by_the_base(learn: Run, tmp_path: Path) -> None:
    told = learn("fox.safetensors", "--aux", "generate", "--num-aux", 3)
    assert "3 from the base itself, drawn with the prompt 'style'" in told
    drawn = sorted((tmp_path / "fox" / "aux").iterdir())
    assert [path.name for path in drawn] == ["000.png", "001.png", "002.png"]
    assert np.abs(pixels(drawn[0]) - pixels(drawn[1])).max() > 0
    assert len(read_card(tmp_path / "fox.safetensors").pictures["aux"]) == 3


def test_captions_come_before_the_style_words(learn: Run, style_images: Path) -> None:
    (style_images / "3.txt").unlink()
    told = learn("fox.safetensors", "--captions")
    assert 'shown with "{caption}, zwx style"' in told
    assert "style: 3 of 4 pictures have a caption; the others get the style words alone" in told
    for path in style_images.glob("*.txt"):
        path.unlink()
    told = learn("owl.safetensors", "--captions")
    assert "none of the pictures of style has a caption" in told
    assert 'shown with "zwx style"' in told


def test_captions_stay_away_from_auxiliary_pictures_unless_asked_for(learn: Run, style_images: Path) -> None:
    flags = ("--aux-images", style_images, "--captions", "--dry-run")
    assert 'shown with "style"' in learn("fox.safetensors", *flags)
    assert 'shown with "{caption}, style"' in learn("fox.safetensors", *flags, "--aux-captions")


@pytest.mark.parametrize("flags", [(), FULL, (*FULL, "--learn-text")], ids=["lora", "full", "full with text"])
def test_new_token(learn: Run, generate: Run, tmp_path: Path, flags: tuple[str, ...]) -> None:
    learn("fox.safetensors", "--new-token", "--identifier", "ukiyo", *flags)
    style = load_style(tmp_path / "fox.safetensors")
    assert style.card.new_tokens == ("ukiyo",)
    rows = {name for name in style.tensors if name.startswith("new_token.")}
    assert rows == {"new_token.text_encoder.ukiyo", "new_token.text_encoder_2.ukiyo"}
    assert any(name.startswith("delta.text_encoder.") for name in style.tensors) == ("--learn-text" in flags)
    assert not any(".row" in name or ".table" in name for name in style.tensors)
    assert "prompt    a fox, ukiyo style" in generate("--prompt", "a fox", "--style", "fox.safetensors")


def test_few_pictures_are_noted(learn: Run, style_images: Path) -> None:
    for name in ("2.png", "3.png"):
        (style_images / name).unlink()
    assert "only 2 style picture(s), the paper uses 15-20: expect copies, not a style" in learn("fox.safetensors")


def test_what_was_done_to_pictures_is_noted(learn: Run, style_images: Path) -> None:
    Image.new("RGBA", (40, 40), (1, 2, 3, 4)).save(style_images / "clear.png")
    assert "clear.png: transparency composited on white" in learn("fox.safetensors")


def test_words_in_brackets_are_printed_as_they_are(learn: Run) -> None:
    told = learn("[b].safetensors", "--identifier", "[v]")
    assert "/sdxl --style '[b].safetensors' --prompt 'a fox' --num-images 4" in told


def test_dry_run_of_training_writes_nothing(learn: Run, tmp_path: Path) -> None:
    before = files_below(tmp_path)
    told = learn("fox.safetensors", "--dry-run")
    assert files_below(tmp_path) == before
    assert not (tmp_path / "fox").exists()
    for row in ("base", "method", "learns", "style pictures", "steps", "memory", "time", "writes"):
        assert f"\n{row} " in f"\n{told}"
    assert "draw with it" not in told


def test_run_folder_is_named_after_style_and_time(
    run: Run, tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path
) -> None:
    flags = ("--base", tiny_folders["sdxl"], "--steps", 1, "--sample-every", 0, "--style-images", style_images)
    run("train", "styleforge", *flags, *LORA, "--out", "fox.safetensors")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("fox-20")
    assert (folder / "run.json").is_file()


# Drawing


def test_generate_writes_pictures_and_sidecars(generate: Run, trained: Path, tmp_path: Path) -> None:
    style = trained / "lora.safetensors"
    told = generate("--prompt", "a fox", "--prompt", "a castle", "--style", style, "--num-images", 2, "--seed", 5)
    names = ["0000-seed5", "0001-seed6", "0002-seed5", "0003-seed6"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(
        name + suffix for name in names for suffix in (".png", ".json")
    )
    assert all(f"pictures/{name}.png" in told for name in names)
    for name, prompt, seed in zip(names, ["a fox"] * 2 + ["a castle"] * 2, [5, 6] * 2, strict=True):
        facts = json.loads((tmp_path / "pictures" / f"{name}.json").read_text("utf-8"))
        identity = {"file": "lora.safetensors", "sha256": sha256(style.read_bytes()).hexdigest(), "scale": 1.0}
        assert (facts["prompt"], facts["seed"], facts["base"]) == (f"{prompt}, zwx style", seed, "sdxl")
        assert facts["styles"] == [identity | {"role": None, "method": "styleforge"}]
        assert (facts["steps"], facts["height"], facts["width"], facts["sampler"]) == (4, 32, 32, "dpm++")
        assert str(tmp_path) not in json.dumps(facts)
    pictures = [pixels(tmp_path / "pictures" / f"{name}.png") for name in names]
    assert all(picture.shape == (32, 32, 3) for picture in pictures)
    assert all(np.abs(pictures[0] - other).max() > 0 for other in pictures[1:])


def test_sidecar_gets_the_picture_again(generate: Run, trained: Path, tmp_path: Path) -> None:
    style = f"{trained / 'lora.safetensors'}:0.7"
    generate(
        *("--prompt", "a fox", "--style", style, "--seed", 10, "--negative-prompt", "grey"),
        *("--guidance-scale", 3, "--height", 40, "--width", 24, "--sampler", "euler"),
    )
    facts = json.loads((tmp_path / "pictures/0000-seed10.json").read_text("utf-8"))
    assert facts["styles"][0]["scale"] == 0.7
    named = {"prompt", "negative_prompt", "seed", "steps", "guidance_scale", "sampler", "height", "width"}
    flags = [part for name in sorted(named) for part in (f"--{name.replace('_', '-')}", facts[name])]
    generate(*flags, "--style", style, "--raw-prompt", "--out", "again.png")
    again, first = (pixels(tmp_path / name) for name in ("again.png", "pictures/0000-seed10.png"))
    assert np.array_equal(again, first)
    assert again.shape == (40, 24, 3)


def test_two_styles_with_scales(generate: Run, trained: Path, tmp_path: Path) -> None:
    lora, full = trained / "lora.safetensors", trained / "full.safetensors"

    def picture(out: str, first: float, second: float) -> np.ndarray:
        styles = ("--style", f"{lora}:{first}", "--style", f"{full}:{second}")
        told = generate("--prompt", "a fox, zwx style", "--raw-prompt", *styles, "--out", out)
        assert f"{lora} x {first:g}" in told
        assert f"{full} x {second:g}" in told
        facts = json.loads((tmp_path / out).with_suffix(".json").read_text("utf-8"))
        assert [style["scale"] for style in facts["styles"]] == [first, second]
        return pixels(tmp_path / out)

    generate("--prompt", "a fox, zwx style", "--out", "plain.png")
    assert np.array_equal(picture("none.png", 0, 0), pixels(tmp_path / "plain.png"))
    both, one, other = picture("both.png", 0.8, 0.5), picture("one.png", 0.8, 0), picture("other.png", 0, 0.5)
    assert all(np.abs(both - alone).max() > 0 for alone in (one, other))


def test_existing_pictures_are_never_overwritten(generate: Run, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/0007-mine.png").write_bytes(b"mine")
    (tmp_path / "pictures/notes.png").write_bytes(b"mine too")
    generate("--prompt", "a fox")
    before = files_below(tmp_path)
    assert "pictures/0008-seed0.png" in before
    generate("--prompt", "a castle", "--num-images", 2)
    after = files_below(tmp_path)
    assert {name: after[name] for name in before} == before
    new = sorted(after.keys() - before.keys())
    assert [name for name in new if name.endswith(".png")] == ["pictures/0009-seed0.png", "pictures/0010-seed1.png"]


def test_dry_run_of_drawing_writes_nothing(generate: Run, trained: Path, tmp_path: Path) -> None:
    told = generate("--prompt", "a fox", "--style", trained / "lora.safetensors", "--dry-run")
    assert "a fox, zwx style" in told
    assert files_below(tmp_path) == {}


def test_stylize_starts_from_the_picture(
    run: Run, tiny_folders: dict[str, Path], trained: Path, tmp_path: Path
) -> None:
    Image.new("RGBA", (48, 40), (200, 30, 30, 128)).save(tmp_path / "mine.png")
    flags = ("--base", tiny_folders["sdxl"], "--style", trained / "lora.safetensors", "--steps", 4)
    told = run("stylize", "mine.png", *flags, "--prompt", "a fox", "--strength", 0.5, "--num-images", 2)
    assert "transparency composited on white" in told
    facts = json.loads((tmp_path / "pictures/0001-seed1.json").read_text("utf-8"))
    assert (facts["prompt"], facts["strength"], facts["seed"]) == ("a fox, zwx style", 0.5, 1)
    run("stylize", "mine.png", *flags, "--strength", 1, "--out", "forgotten.png")
    assert json.loads((tmp_path / "forgotten.json").read_text("utf-8"))["prompt"] == "zwx style"
    assert pixels(tmp_path / "forgotten.png").shape == (32, 32, 3)
    assert np.abs(pixels(tmp_path / "forgotten.png") - pixels(tmp_path / "pictures/0000-seed0.png")).max() > 0


# Style files


def test_extract_tells_its_error_and_its_file_draws(run: Run, generate: Run, trained: Path, tmp_path: Path) -> None:
    told = run("extract", trained / "full.safetensors", "--out", "plan.safetensors", "--rank", 2, "--dry-run")
    assert "would save  plan.safetensors, rank 2" in told
    assert not (tmp_path / "plan.safetensors").exists()
    errors = []
    for rank in (2, 4096):
        told = run("extract", trained / "full.safetensors", "--out", f"rank-{rank}.safetensors", "--rank", rank)
        assert f"rank {rank}" in told
        errors.append(float(told.partition("reconstruction error")[2].partition("%")[0]))
        assert "not representable" in told
    assert errors[0] > 1
    assert errors[1] == 0
    card = read_card(tmp_path / "rank-2.safetensors")
    assert (card.kind, card.config["extracted_rank"], card.steps) == ("lora", 2, 3)
    generate("--prompt", "a fox", "--style", "rank-2.safetensors", "--out", "styled.png")
    generate("--prompt", "a fox, zwx style", "--out", "plain.png")
    assert np.abs(pixels(tmp_path / "styled.png") - pixels(tmp_path / "plain.png")).max() > 0


def test_styles_lists_a_folder(run: Run, trained: Path, tmp_path: Path) -> None:
    told = run("styles", trained)
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines()}
    assert rows["lora.safetensors"] == ["styleforge", "zwx", "style", "sdxl", "3", "lora"]
    assert rows["full.safetensors"] == ["styleforge", "zwx", "style", "sdxl", "3", "full"]
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    told = run("styles")
    assert "no style file in" in told
    assert "1 other .safetensors without an impasto card" in told


def test_styles_shows_a_card(run: Run, trained: Path) -> None:
    told = run("styles", trained / "lora.safetensors")
    for row in ("method", "paper", "fingerprint", "style_words", "config", "versions"):
        assert f"\n{row} " in f"\n{told}"
    assert "4 style, 4 aux" in told
    shown = json.loads(run("styles", trained / "lora.safetensors", "--as-json"))
    assert shown == read_card(trained / "lora.safetensors").model_dump(mode="json")


# The rest


def test_doctor(run: Run, tmp_path: Path) -> None:
    told = run("doctor")
    assert f"torch          {torch.__version__}" in told
    for what in ("impasto ", "python ", "[metrics]", "cpu ", "would use ", "pocket ", "free disk ", "hub "):
        assert any(line.startswith(what) for line in told.splitlines()), what
    assert "hub            offline (HF_HUB_OFFLINE)" in told
    assert files_below(tmp_path) == {}


def test_a_hub_name_without_network_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """What libraries print of it, they print past Python's streams too: hence the file descriptors."""
    assert main(["generate", "--base", "someone/nothing", "--prompt", "a fox"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("impasto: base someone/nothing could not be fetched from the hub")


def test_doctor_advertises_extras_that_exist_with_what_they_install() -> None:
    stated = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    extras = stated["project"]["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        installed = {re.split("[<>=\\[]", each)[0] for each in extras[extra]}
        assert set(packages) <= installed, extra
    for_developers = {"dev", "docs", "parity", "pretraining"}
    assert set(EXTRAS) == set(extras) - for_developers


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_names_every_command(run: Run, flag: str) -> None:
    told = run(flag)
    for command in ("demo", "train", "generate", "stylize", "extract", "styles", "doctor"):
        assert f"\n  {command} " in told
    assert "first time: impasto demo" in told
    assert run() == told


def test_help_of_train_names_the_methods(run: Run) -> None:
    told = run("train")
    assert "methods: b-lora, custom-diffusion, dreambooth, lora, multi-styleforge, styleforge" in told
    assert run("train", "--help") == told


def test_version(run: Run) -> None:
    assert run("--version") == "impasto 0.1.0\n"
