"""B-LoRA files in use: roles apart, mixed, blended, scaled; and what goes wrong with them."""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from impasto.cli.main import main
from impasto.core.errors import StyleFileError
from impasto.data.images import read_picture
from impasto.generation.mix import blended, load_roles, scaled
from impasto.generation.mix_options import MixOptions
from impasto.methods.b_lora import BLoRA, BLoRASettings
from impasto.models.open import open_base
from impasto.style.file import Style, load_style, save_style
from impasto.style.references import fit_styles, load_styles, parse_style, with_style_words
from impasto.training.options import TrainOptions
from impasto.training.train import train


def learn(base: Path, picture: Path, out: Path, placeholder: str, **changes: object) -> Path:
    options = TrainOptions(
        base=str(base), style_images=str(picture), out=out, steps=3, learning_rate=1e-1, sample_every=0,
        run_dir=out.with_suffix(".run"), **changes,
    )  # fmt: skip
    with closing(train(options, BLoRA(BLoRASettings(rank=2, placeholder=placeholder)))) as events:
        list(events)
    return out


@pytest.fixture
def files(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> dict[str, str]:
    base = tiny_folders["sdxl"]
    return {
        "base": str(base),
        "cat": str(learn(base, style_images / "0.png", tmp_path / "cat.safetensors", "[c]")),
        "monet": str(learn(base, style_images / "1.png", tmp_path / "monet.safetensors", "[s]")),
        "out": str(tmp_path / "pictures"),
    }


def mix(files: dict[str, str], *arguments: str) -> list[Path]:
    assert main(["mix", "--base", files["base"], "--steps", "2", "--out", files["out"], *arguments]) == 0
    return sorted(Path(files["out"]).glob("*.png"))


def sidecar(path: Path) -> dict[str, object]:
    return json.loads(path.with_suffix(".json").read_text())


def test_roles_split_a_file_without_rest(files: dict[str, str]) -> None:
    base = open_base(files["base"])
    whole, *parts = fit_styles(base, load_styles([files["cat"], files["cat"] + "@content", files["cat"] + "@style"]))
    names = [set(part.style.tensors) for part in parts]
    assert names[0] | names[1] == set(whole.style.tensors)
    assert not names[0] & names[1]
    assert all(names)
    assert whole.style.card.roles == {"content": ["up_blocks.0.attentions.0"], "style": ["up_blocks.0.attentions.1"]}


def test_mix_attaches_the_content_of_one_and_the_style_of_the_other(files: dict[str, str]) -> None:
    (picture,) = mix(files, "--content", files["cat"], "--style", files["monet"] + ":1.1", "--words", "made of gold")
    told = sidecar(picture)
    assert told["prompt"] == "A [c] made of gold in [s] style"
    assert [(each["file"], each["role"], each["scale"]) for each in told["styles"]] == [
        ("cat.safetensors", "content", 1.0),
        ("monet.safetensors", "style", 1.1),
    ]


def test_style_alone_draws_any_subject(files: dict[str, str]) -> None:
    (picture,) = mix(files, "--style", files["monet"], "--subject", "A backpack")
    assert sidecar(picture)["prompt"] == "A backpack in [s] style"


def test_prompts_per_role_reach_the_content_block_alone(files: dict[str, str]) -> None:
    plain, per_role = "--content", "--prompts-per-role"
    mix(files, plain, files["cat"], "--words", "made of gold")
    first, second = mix(files, plain, files["cat"], "--words", "made of gold", per_role)
    assert sidecar(second)["prompts_of_blocks"] == {"up_blocks.0.attentions.0": "A [c]"}
    assert not np.array_equal(np.asarray(read_picture(first).image), np.asarray(read_picture(second).image))


def test_prompts_per_role_without_other_words_are_refused(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    content = ["--content", files["cat"], "--prompts-per-role"]
    assert main(["mix", "--base", files["base"], "--out", files["out"], *content]) == 2
    assert "--prompts-per-role has no effect: 'A [c]' is the whole prompt" in capsys.readouterr().err


def test_strip_goes_from_one_style_to_the_other(files: dict[str, str]) -> None:
    drawn = mix(files, "--style", files["cat"], "--style", files["monet"], "--subject", "A fox", "--strip", "3")
    panels = [path for path in drawn if "strip" not in path.stem]
    told = [[each["scale"] for each in sidecar(panel)["styles"]] for panel in panels]
    assert told == [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    (strip,) = set(drawn) - set(panels)
    assert read_picture(strip).image.width == 3 * read_picture(panels[0]).image.width


def test_keep_colour_adds_the_contents_own_style_block(files: dict[str, str]) -> None:
    (picture,) = mix(files, "--content", files["cat"], "--style", files["monet"], "--keep-colour", "0.45")
    styles = [(each["file"], each["role"], each["scale"]) for each in sidecar(picture)["styles"]]
    assert ("cat.safetensors", "style", 0.45) in styles


def test_reference_scale_is_squared_ours_is_linear(files: dict[str, str]) -> None:
    styles = load_roles([files["monet"] + ":1.1"], "style")
    common = {"style": (files["monet"],), "subject": "A fox"}
    assert scaled(styles, MixOptions(**common))[0].scale == 1.1
    assert scaled(styles, MixOptions(**common, reference_scale=True))[0].scale == pytest.approx(1.21)
    assert [each.scale for each in blended([*styles, *styles], 0.25)] == pytest.approx([0.825, 0.275])


def test_training_on_top_of_a_frozen_style_learns_something_else_and_leaves_it_alone(
    files: dict[str, str], tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path
) -> None:
    """The second stage of ConsisLoRA: the style learns while the content is attached and frozen."""
    before = Path(files["cat"]).read_bytes()
    base, picture = tiny_folders["sdxl"], style_images / "0.png"
    plain = learn(base, picture, tmp_path / "plain.safetensors", "[c]")
    on_top = learn(base, picture, tmp_path / "top.safetensors", "[c]", attach=(files["cat"] + "@content",))
    assert Path(files["cat"]).read_bytes() == before
    differences = [
        (load_style(plain).tensors[name] - tensor).abs().max() for name, tensor in load_style(on_top).tensors.items()
    ]
    assert max(differences) > 1e-4
    assert load_style(on_top).card.config["attach"] == "cat.safetensors@content:1"
    assert load_style(plain).card.config["attach"] == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("monet.safetensors", ("monet.safetensors", None, 1.0)),
        ("monet.safetensors:0.8", ("monet.safetensors", None, 0.8)),
        ("monet.safetensors@style", ("monet.safetensors", "style", 1.0)),
        ("a@b/monet.safetensors@style:-1.1", ("a@b/monet.safetensors", "style", -1.1)),
        ("a@b/monet.safetensors", ("a@b/monet.safetensors", None, 1.0)),
        ("C:/monet.safetensors", ("C:/monet.safetensors", None, 1.0)),
    ],
)
def test_style_selectors(given: str, expected: tuple[str, str | None, float]) -> None:
    path, role, scale = parse_style(given)
    assert (str(path), role, scale) == expected


def test_style_words_follow_the_prompt_once(files: dict[str, str]) -> None:
    styles = load_styles([files["monet"] + "@style"])
    assert with_style_words("A fox", styles) == "A fox in [s] style"
    assert with_style_words("A fox in [s] style", styles) == "A fox in [s] style"
    assert with_style_words("A [c]", load_styles([files["cat"] + "@content"])) == "A [c]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --content FILE, --style FILE, or both"),
        (["--style", "{monet}"], "say what to draw"),
        (
            ["--style", "{monet}@layout", "--subject", "A fox"],
            r"nothing for the role 'layout' \(it has: content, style\)",
        ),
        (["--content", "{cat}", "--subject", "A fox"], "no effect with --content"),
        (["--style", "{monet}", "--subject", "A fox", "--keep-colour", "0.4"], "no effect without --content"),
        (["--style", "{monet}", "--subject", "A fox", "--strip", "4"], "give two --style files, not 1"),
        (
            ["--style", "{monet}", "--style", "{cat}", "--subject", "A fox", "--strip", "4", "--out", "x.png"],
            "--out x.png is one picture, --strip makes several: name a folder",
        ),
        (
            ["--style", "{monet}", "--style", "{cat}", "--subject", "A fox", "--strip", "4", "--num-images", "2"],
            "--num-images 2 has no effect with --strip",
        ),
        (["--style", "{monet}:much", "--subject", "A fox"], "'much' is no number"),
        (["--content", "{cat}", "--colour-of", "none.png"], "none.png does not exist"),
    ],
)
def test_bad_input_is_told_in_one_line(
    files: dict[str, str], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [each.format(**files) for each in arguments]
    assert main(["mix", "--base", files["base"], "--out", files["out"], *filled]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    import re

    assert re.search(message, told)
    assert not Path(files["out"]).exists()


def test_files_of_different_bases_do_not_mix(
    files: dict[str, str], tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    other = learn(tiny_folders["sdxl-v"], style_images / "1.png", tmp_path / "other.safetensors", "[o]")
    assert main(["mix", "--base", files["base"], "--content", files["cat"], "--style", str(other)]) == 2
    assert "other.safetensors was trained for base" in capsys.readouterr().err


def test_a_low_rank_style_over_other_blocks_is_refused(files: dict[str, str], tmp_path: Path) -> None:
    style = load_style(Path(files["cat"]))
    elsewhere = {
        name.replace("up_blocks.0.attentions.0", "down_blocks.1.attentions.0"): tensor
        for name, tensor in style.tensors.items()
        if "attentions.0" in name
    }
    path = tmp_path / "elsewhere.safetensors"
    save_style(path, Style(style.card, elsewhere))
    with pytest.raises(StyleFileError, match=r"nothing for the role 'style' \(it has: none\)"):
        fit_styles(open_base(files["base"]), load_styles([f"{path}@style"]))


def test_same_words_of_two_styles_are_noted(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(files["monet"]).with_name("copy.safetensors")
    copy.write_bytes(Path(files["monet"]).read_bytes())
    mix(files, "--style", files["monet"], "--style", str(copy), "--subject", "A fox")
    assert "called by the same words" in " ".join(capsys.readouterr().out.split())
