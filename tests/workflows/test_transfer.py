"""`impasto transfer` from end to end on a tiny SDXL base with random adapters."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import small_adapters
from conftest import write_pictures
from impasto.cli.commands.transfer import read_options
from impasto.cli.main import main
from impasto.generation.transfer_presets import PRESETS, preset
from small_controlnet import network_for

Call = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References, masks and adapters beside an image encoder."""
    root = tmp_path_factory.mktemp("transfer")
    from impasto.models.open import open_base

    unet = open_base(str(tiny_folders["sdxl"]), device="cpu").unet
    small_adapters.encoder_folder(root / "image_encoder")
    small_adapters.save(small_adapters.ip_adapter_plus(unet), root / "plus.safetensors")
    (root / "crafter").mkdir()
    small_adapters.encoder_folder(root / "crafter" / "image_encoder", states=64)
    small_adapters.save(small_adapters.stylecrafter(unet), root / "crafter" / "crafter.safetensors")
    (root / "global").mkdir()
    small_adapters.encoder_folder(root / "global" / "image_encoder", embeds=24)
    small_adapters.save(small_adapters.ip_adapter(unet, embeds=24), root / "global" / "global.safetensors")
    network_for(unet).save_pretrained(root / "canny")
    foreign = open_base(str(tiny_folders["sd15"]), device="cpu").unet
    small_adapters.save(small_adapters.ip_adapter_plus(foreign), root / "foreign.safetensors")
    small_adapters.picture(1).save(root / "a.png")
    small_adapters.picture(2, 60, 30).save(root / "b.png")
    write_pictures(root / "many", 3)
    half = np.zeros((32, 32), np.uint8)
    half[:, :16] = 255
    Image.fromarray(half).save(root / "left.png")
    Image.fromarray(255 - half).save(root / "right.png")
    Image.new("L", (16, 32), 255).save(root / "small.png")
    (root / "broken.png").write_bytes(b"\x89PNG nothing")
    return root


@pytest.fixture
def call(
    folder: Path, tiny_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "400")
    base = str(tiny_folders["sdxl"])

    def run(*arguments: object) -> tuple[int, str, str]:
        given = [str(each) for each in arguments]
        sizes = ["--base", base, "--steps", "2", "--out", str(tmp_path / "out")]
        code = main(["transfer", *given, *sizes])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def drawn(call, tmp_path: Path) -> Callable[..., tuple[list[Path], str]]:
    def run(*arguments: object) -> tuple[list[Path], str]:
        before = set((tmp_path / "out").glob("*.png"))
        code, out, err = call("--prompt", "a fox", *arguments)
        assert code == 0, err
        return sorted(set((tmp_path / "out").glob("*.png")) - before), out

    return run


PLUS = ("--adapter", "plus.safetensors")


def test_draws_with_a_sidecar_and_a_plan(drawn) -> None:
    (path,), out = drawn("b.png", *PLUS, "--adain", 0.5, "--teacher", 0.5)
    assert "padded to a square by its mirror image" in out
    assert re.search(r"control\s+style_studio: mix adain, adain 0.5, window 0 to 1, teacher 0.5", out)
    assert re.search(r"adapter\s+IP-Adapter-Plus, plus.safetensors x 1", out)
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["control"] == "style_studio"
    assert facts["control_settings"]["adain"] == 0.5
    assert facts["references"][0]["file"] == "b.png"
    assert facts["prompt"] == "a fox"
    assert pixels(path).shape == (32, 32, 3)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture, dtype=int)


def test_ways_differ_and_strength_zero_is_the_words_alone(drawn, tiny_folders, tmp_path) -> None:
    ways = {
        "studio": ("a.png", *PLUS),
        "plain": ("a.png", *PLUS, "--control", "plain"),
        "auto": ("a.png", *PLUS, "--negative-style", "auto"),
        "file": ("a.png", *PLUS, "--negative-style", "b.png"),
        "aligned": ("a.png", "--control", "style_aligned"),
        "two": ("a.png:0.5", "b.png:2", *PLUS),
        "masked": ("a.png", "b.png", *PLUS, "--mask", "left.png", "--mask", "right.png"),
        "nothing": ("a.png", *PLUS, "--adain", 0),
    }
    pictures = {name: pixels(drawn(*way)[0][0]) for name, way in ways.items()}
    words = tmp_path / "words.png"
    base = str(tiny_folders["sdxl"])
    assert main(["generate", "--base", base, "--steps", "2", "--prompt", "a fox", "--out", str(words)]) == 0
    assert np.array_equal(pictures.pop("nothing"), pixels(words))
    names = list(pictures)
    for index, name in enumerate(names):
        for other in names[:index]:
            assert not np.array_equal(pictures[name], pictures[other]), (name, other)


def test_a_folder_makes_a_sheet_of_one_seed(drawn) -> None:
    paths, out = drawn("many", *PLUS, "--seed", 5, "--prompt", "an owl")
    assert [path.name for path in paths] == [*(f"{i:04d}-seed5.png" for i in range(6))][:1] + ["0000-sheet.png"] + [
        f"{i:04d}-seed5.png" for i in range(1, 6)
    ]
    assert "3 in many, a style each, seed 5" in out
    facts = [json.loads(path.with_suffix(".json").read_text()) for path in paths if "sheet" not in path.name]
    assert [each["references"][0]["file"] for each in facts] == ["0.png", "1.png", "2.png"] * 2
    assert {each["seed"] for each in facts} == {5}


def test_stylecrafter_and_a_start_picture(drawn) -> None:
    crafter = ("a.png", "--adapter", "crafter/crafter.safetensors", "--mix", "sum")
    (first,), out = drawn(*crafter)
    assert "StyleCrafter" in out
    (second,), out = drawn(*crafter, "--start", "b.png", "--strength", 0.5)
    assert json.loads(second.with_suffix(".json").read_text())["strength"] == 0.5
    assert not np.array_equal(pixels(first), pixels(second))


def test_trained_styles_are_attached_at_the_same_time(drawn, tiny_folders, folder: Path, tmp_path: Path) -> None:
    learn = ("--learn", "lora", "--rank", "2", "--learning-rate", "1e-1", "--sample-every", "0", "--steps", "3")
    base = ("--base", str(tiny_folders["sdxl"]), "--style-images", str(folder / "many"))
    style = tmp_path / "s.safetensors"
    run = ("--run-dir", str(tmp_path / "run"))
    assert main(["train", "styleforge", *base, *learn, "--out", str(style), *run]) == 0
    (plain,), _ = drawn("a.png", *PLUS)
    (both,), out = drawn("a.png", *PLUS, "--style", f"{style}:0.8")
    facts = json.loads(both.with_suffix(".json").read_text())
    assert facts["prompt"] == "a fox, zwx style"
    assert facts["styles"][0]["scale"] == 0.8
    assert "s.safetensors x 0.8" in out
    (zero,), _ = drawn("a.png", *PLUS, "--style", f"{style}:0")
    assert np.array_equal(pixels(zero), pixels(plain))
    (same_words,), _ = drawn("a.png", *PLUS, "--style", f"{style}:0.8", "--raw-prompt")
    assert not np.array_equal(pixels(same_words), pixels(plain))


def test_content_is_taken_off_and_edges_are_followed(drawn) -> None:
    whole = ("a.png", "--adapter", "global/global.safetensors", "--control", "instant_style")
    (plain,), _ = drawn(*whole)
    (less,), out = drawn(*whole, "--without", "a red apple")
    assert re.search(r"without\s+a red apple", out)
    assert not np.array_equal(pixels(plain), pixels(less))
    along = ("--structure", "b.png", "--controlnet", "canny")
    for studio in (("--teacher", 0.5), ("--teacher", 0.5, "--sampler", "lcm", "--guidance-scale", 1)):
        (free,), _ = drawn("a.png", *PLUS, *studio)
        (followed,), out = drawn("a.png", *PLUS, *studio, *along)
        assert re.search(r"ControlNet\s+canny x 0.5", out)
        assert "structure: cut to its middle" in out
        facts = json.loads(followed.with_suffix(".json").read_text())
        assert (facts["structure"], facts["conditioning_scale"]) == ("b.png", 0.5)
        assert not np.array_equal(pixels(free), pixels(followed))


EFFECTS = {
    "teacher, D1": (("a.png", *PLUS, "--teacher", 0.5), ("a.png", *PLUS, "--teacher", 0)),
    "window": (("a.png", *PLUS, "--window", 0, 0.5), ("a.png", *PLUS, "--window", 0, 1)),
    "mix": (("a.png", *PLUS, "--mix", "sum"), ("a.png", *PLUS, "--mix", "adain")),
    "scale, D3": (("a.png", *PLUS, "--adapter-scale", 0.5), ("a.png", *PLUS, "--adapter-scale", 1)),
    "fit": (("b.png", *PLUS, "--fit", "tile"), ("b.png", *PLUS, "--fit", "pad")),
    "join": (("a.png", "b.png", *PLUS, "--join", "concat"), ("a.png", "b.png", *PLUS, "--join", "mean")),
    "two scales": (("a.png", *PLUS, "--style-guidance-scale", 1), ("a.png", *PLUS)),
    "roles": (
        ("a.png", *PLUS, "--control", "instant_style", "--roles", "content"),
        ("a.png", *PLUS, "--control", "instant_style", "--roles", "style"),
    ),
    "teacher, few steps": (
        ("a.png", *PLUS, "--sampler", "lightning", "--guidance-scale", 1, "--teacher", 0.5),
        ("a.png", *PLUS, "--sampler", "lightning", "--guidance-scale", 1, "--teacher", 0),
    ),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_no_setting_is_silently_ignored(drawn, name: str) -> None:
    """In the official code --end_fusion and the style's scale had no effect."""
    (one,), (other,) = (drawn(*given)[0] for given in EFFECTS[name])
    assert not np.array_equal(pixels(one), pixels(other))


def test_dry_run_writes_nothing(drawn) -> None:
    paths, out = drawn("a.png", *PLUS, "--dry-run")
    assert paths == []
    assert "style_studio" in out


BAD = {
    "no adapter": (("a.png",), "has no image prompt adapter of its own"),
    "family": (("a.png", "--adapter", "foreign.safetensors"), "foreign.safetensors"),
    "not there": (("c.png", *PLUS), "picture c.png does not exist"),
    "unreadable": (("broken.png", *PLUS), "broken.png is"),
    "window": (("a.png", *PLUS, "--window", 0.2, 1.5), "less than or equal to 1"),
    "strength": (("a.png", *PLUS, "--start", "b.png", "--strength", 1.5), "strength = 1.5"),
    "no start": (("a.png", *PLUS, "--strength", 0.5), "--strength has no effect without --start"),
    "adain": (("a.png", *PLUS, "--adain", 1.2), "adain = 1.2"),
    "without, elsewhere": (("a.png", *PLUS, "--without", "an apple"), "content cannot be taken off"),
    "without, gated": (
        ("a.png", "--adapter", "crafter/crafter.safetensors", "--without", "an apple"),
        "--without has no effect with StyleCrafter",
    ),
    "controlnet": (("a.png", *PLUS, "--controlnet", "canny"), "--controlnet canny has no effect without --structure"),
    "conditioning": (("a.png", *PLUS, "--conditioning-scale", 1), "has no effect without --structure"),
    "edges": (("a.png", *PLUS, "--edges", 10, 20), "--edges has no effect without --structure"),
    "no edges": (
        ("a.png", *PLUS, "--structure", "b.png", "--controlnet", "canny", "--edges", 90000, 90001),
        "--edges 90000 90001 finds none in b.png: lower them",
    ),
    "no controlnet": (("a.png", *PLUS, "--structure", "b.png"), "has no ControlNet of its own"),
    "no structure": (("a.png", *PLUS, "--structure", "c.png", "--controlnet", "canny"), "c.png does not exist"),
    "more than all": (
        ("a.png", *PLUS, "--adapter-scale", 2),
        "--adain 1 x --adapter-scale 2 x weight 1 = 2: ",
    ),
    "heavy mask": (("a.png:1.5", *PLUS, "--mask", "left.png"), "--adain 1 x --adapter-scale 1 x weight 1.5 = 1.5"),
    "one weight": (("a.png:0.5", *PLUS), "weight 0.5 has no effect on a single reference"),
    "mask size": (("a.png", *PLUS, "--mask", "small.png"), "mask small.png has 16x32 pixels"),
    "masks": (("a.png", "b.png", *PLUS, "--mask", "left.png"), "--mask is given 1 times for 2 references"),
    "equal": (("a.png", *PLUS, "--negative-style", "a.png"), "--negative-style a.png equals reference a.png"),
    "no guidance": (("a.png", *PLUS, "--negative-style", "auto", "--guidance-scale", 1), "has no effect without guid"),
    "weight": (("a.png:much", *PLUS), "weight 'much' is no number"),
    "mixed": (("a.png", "many", *PLUS), "reference many is a folder"),
    "control": (("a.png", *PLUS, "--control", "magic"), "control 'magic' is unknown: choose one of"),
    "preset": (("a.png", *PLUS, "--preset", "loud"), "preset 'loud' is unknown"),
    "preset elsewhere": (("a.png", *PLUS, "--control", "plain", "--preset", "bold"), "--preset bold has no effect"),
    "aligned": (("a.png", *PLUS, "--control", "style_aligned"), "--adapter has no effect with style_aligned"),
    "prompt of reference": (("a.png", *PLUS, "--reference-prompt", "x"), "--reference-prompt has no effect"),
    "adain elsewhere": (("a.png", *PLUS, "--control", "plain", "--adain", 1), "unknown option --adain"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(call, tmp_path: Path, name: str) -> None:
    arguments, words = BAD[name]
    code, _, err = call("--prompt", "a fox", *arguments)
    assert code == 2
    assert re.fullmatch(r"impasto: [^\n]+\n", err), err
    assert words in err
    assert not list((tmp_path / "out").glob("*"))


def test_presets_are_defaults_that_flags_win_over(tmp_path: Path, tiny_folders: dict[str, Path]) -> None:
    given = ["a.png", "--prompt", "a fox", "--base", str(tiny_folders["sdxl"])]
    for name, values in PRESETS.items():
        assert preset(name, "sdxl") == values
        options, control = read_options([*given, "--preset", name])
        assert control.settings.strength == values["adain"]
        assert control.settings.teacher == values["teacher"]
        assert options.negative_style == values.get("negative_style", "")
    options, control = read_options([*given, "--preset", "faithful", "--adain", "0.1", "--window", "0.2", "0.9"])
    assert (control.settings.strength, control.settings.teacher) == (0.1, 0.4)
    assert control.settings.window == (0.2, 0.9)
    file = tmp_path / "t.toml"
    base = json.dumps(str(tiny_folders["sdxl"]))
    file.write_text(f'preset = "bold"\nteacher = 0.3\nprompt = ["x"]\nreference = ["r.png"]\nbase = {base}\n')
    options, control = read_options(["--config", str(file)])
    assert (control.settings.teacher, options.negative_style, options.reference) == (0.3, "auto", ("r.png",))
    assert read_options([*given, "--preset", "bold", "--guidance-scale", "1"])[0].negative_style == ""
    options, control = read_options(["a.png", "--prompt", "a fox", "--preset", "faithful"])
    of_pocket = preset("faithful", "pocket")  # has presets of its own
    assert (control.settings.strength, options.negative_style) == (of_pocket["adain"], "")
    assert of_pocket != PRESETS["faithful"]
    options, control = read_options(["a.png", "--prompt", "a fox", "--preset", "faithful", "--mix", "adain"])
    assert (control.settings.strength, options.adapter_scale) == (PRESETS["faithful"]["adain"], 1.0)
    assert read_options([*given, "--control", "instant-style", "--roles", "style"])[1].name == "instant_style"
    assert torch.is_grad_enabled()
