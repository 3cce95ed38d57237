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

    unet = open_base(str(tiny_folders["sdxl"]), device="cpu").denoiser
    small_adapters.encoder_folder(root / "image_encoder")
    small_adapters.save(small_adapters.ip_adapter_plus(unet), root / "plus.safetensors")
    (root / "crafter").mkdir()
    small_adapters.encoder_folder(root / "crafter" / "image_encoder", states=64)
    small_adapters.save(small_adapters.stylecrafter(unet), root / "crafter" / "crafter.safetensors")
    (root / "global").mkdir()
    small_adapters.encoder_folder(root / "global" / "image_encoder", embeds=24)
    small_adapters.save(small_adapters.ip_adapter(unet, embeds=24), root / "global" / "global.safetensors")
    network_for(unet).save_pretrained(root / "canny")
    foreign = open_base(str(tiny_folders["sd15"]), device="cpu").denoiser
    small_adapters.save(small_adapters.ip_adapter_plus(foreign), root / "foreign.safetensors")
    small_adapters.picture(1).save(root / "a.png")
    small_adapters.picture(2, 60, 30).save(root / "b.png")
    write_pictures(root / "many", 3)
    half = np.zeros((32, 32), np.uint8)
    half[:, :16] = 255
    Image.fromarray(half).save(root / "left.png")
    Image.fromarray(255 - half).save(root / "right.png")
    Image.new("L", (16, 32), 255).save(root / "small.png")
    Image.new("RGBA", (32, 32), (200, 40, 40, 90)).save(root / "glass.png")
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
    assert re.search(r"control\s+style_studio: mix adain, adain 0.5, roles style, window 0 to 1, teacher 0.5", out)
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
    encoded = ("--negative-prompt", "")  # as beside a style picture
    assert main(["generate", "--base", base, "--steps", "2", "--prompt", "a fox", "--out", str(words), *encoded]) == 0
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


def test_notes_say_which_of_several_references_is_meant(drawn) -> None:
    _, out = drawn("glass.png", *PLUS)
    assert "reference: transparency composited on white" in out
    _, out = drawn("a.png", "glass.png", *PLUS)
    assert "reference 2 (glass.png): transparency composited on white" in out


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
    assert re.search(r"without\s+a red apple x 0.5", out)
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
    "how much is taken off": (
        ("a.png", "--adapter", "global/global.safetensors", "--without", "an apple", "--without-scale", 0.8),
        ("a.png", "--adapter", "global/global.safetensors", "--without", "an apple"),
    ),
    "empty prompt": (("a.png", *PLUS, "--empty-prompt", "base"), ("a.png", *PLUS)),
    "two scales": (("a.png", *PLUS, "--style-guidance-scale", 1), ("a.png", *PLUS)),
    "roles": (
        ("a.png", *PLUS, "--control", "instant_style", "--roles", "content"),
        ("a.png", *PLUS, "--control", "instant_style", "--roles", "style"),
    ),
    "roles of style_studio": (("a.png", *PLUS, "--roles", "all"), ("a.png", *PLUS)),
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


PLANNED = {
    "beside a picture": (("a.png", *PLUS), r"empty prompt\s+encoded"),
    "as trained": (("a.png", *PLUS, "--empty-prompt", "base"), r"empty prompt\s+zeros, as this base was trained"),
    "without a picture": (("a.png", "--control", "style_aligned"), r"empty prompt\s+zeros, as this base was trained"),
    "words": (("a.png", *PLUS, "--negative-prompt", "a photo"), r"negative words\s+a photo"),
}


@pytest.mark.parametrize("name", PLANNED)
def test_the_plan_says_what_the_unconditional_branch_is_told(drawn, name: str) -> None:
    arguments, row = PLANNED[name]
    assert re.search(row, drawn(*arguments, "--dry-run")[1])


def test_dry_run_writes_nothing(drawn) -> None:
    paths, out = drawn("a.png", *PLUS, "--dry-run")
    assert paths == []
    assert "style_studio" in out


ALIGNED = ("a.png", "--control", "style_aligned")
TOGETHER = ("--together", "--prompt", "an owl")


@pytest.mark.parametrize(
    "setting",
    [
        *(("--score-shift", 0), ("--score-scale", 0.5), ("--share-norms", "no"), ("--inversion-guidance", 1)),
        ("--inversion-offset", 0.5),
    ],
)
def test_every_setting_of_style_aligned_has_an_effect(drawn, setting: tuple[str, object]) -> None:
    (one,), (other,) = drawn(*ALIGNED)[0], drawn(*ALIGNED, *setting)[0]
    assert not np.array_equal(pixels(one), pixels(other))


def test_a_set_of_prompts_in_the_style_of_the_first_picture(drawn, tiny_folders, tmp_path: Path) -> None:
    """The leading picture is a plain one, all others look at it, and each has a seed of its own."""
    paths, out = drawn(*TOGETHER, "--seed", 3)
    assert [path.name for path in paths] == ["0000-seed3.png", "0001-seed4.png"]
    assert re.search(r"together\s+2 pictures in the style of the first, seeds 3 and up", out)
    plain = ["generate", "--base", str(tiny_folders["sdxl"]), "--steps", "2"]
    alone = tmp_path / "alone"
    for prompt, seed in (("a fox", 3), ("an owl", 4)):
        assert main([*plain, "--prompt", prompt, "--seed", str(seed), "--out", str(alone / f"{seed}.png")]) == 0
    assert np.abs(pixels(paths[0]) - pixels(alone / "3.png")).max() <= 1
    assert np.abs(pixels(paths[1]) - pixels(alone / "4.png")).max() > 1
    facts = json.loads(paths[1].with_suffix(".json").read_text())
    assert facts["together_with"] == {"prompt": "a fox", "seed": 3}
    assert facts["control"] == "style_aligned"


BAD = {
    "alone": (("--together",), "--together draws one picture"),
    "nothing": ((), "the reference is missing: name a picture, or draw several prompts --together"),
    "together with a picture": (("a.png", *TOGETHER), "together takes its style from the first picture"),
    "together by another": (
        (*TOGETHER, "--control", "plain"),
        "--together is drawn with style_aligned, not with plain",
    ),
    "together inverted": ((*TOGETHER, "--inversion-offset", 0.2), "--inversion-offset has no effect with --together"),
    "inversion elsewhere": (("a.png", *PLUS, "--inversion-guidance", 1), "--inversion-guidance has no effect with"),
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
    "nothing taken off": (("a.png", *PLUS, "--without-scale", 0.8), "--without-scale has no effect without --without"),
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
    "control": (("a.png", *PLUS, "--control", "magic"), "unknown control 'magic': choose one of"),
    "preset": (("a.png", *PLUS, "--preset", "loud"), "unknown preset 'loud'"),
    "script": (
        ("a.png", *PLUS, "--preset", "infer_StyleStudio"),
        "--preset infer_StyleStudio is the authors' script for CSGO, and the adapter is IP-Adapter-Plus",
    ),
    "role": (("a.png", *PLUS, "--roles", "mood"), "role 'mood' is not known for this base"),
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
    own, other = of_pocket["mix"], "sum"  # values of a base go with its own mix alone
    for mix, values in ((own, of_pocket), (other, PRESETS["faithful"])):
        _, control = read_options(["a.png", "--prompt", "a fox", "--preset", "faithful", "--mix", mix])
        assert (control.settings.mix, control.settings.strength) == (mix, values["adain"])
    assert own != other
    assert read_options([*given, "--control", "instant-style", "--roles", "style"])[1].name == "instant_style"
    assert torch.is_grad_enabled()


OF_ADAPTERS = {
    "IP-Adapter": ("global/global.safetensors", {"roles": ("style",), "mix": "adain"}, {"adapter_scale": 1.0}),
    "IP-Adapter-Plus": ("plus.safetensors", {"roles": ("style",), "mix": "adain"}, {"guidance_scale": 5.0}),
    "short name": ("ip-adapter-plus", {"roles": ("style",), "teacher": 0.4}, {}),
    "StyleCrafter": (
        "crafter/crafter.safetensors",
        {"roles": ("all",), "mix": "sum", "teacher": 0.2},
        {"adapter_scale": 0.5, "guidance_scale": 7.5, "style_guidance_scale": 5.0},
    ),
    "CSGO": ("csgo.safetensors", {"roles": ("all",), "mix": "adain"}, {"style_guidance_scale": None}),
    "none": ("", {"roles": ("all",), "mix": "adain"}, {"adapter_scale": 1.0}),
}


@pytest.fixture
def with_csgo(folder: Path, tiny_folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from impasto.models.open import open_base

    monkeypatch.chdir(folder)
    if not Path("csgo.safetensors").exists():
        unet = open_base(str(tiny_folders["sdxl"]), device="cpu").denoiser
        small_adapters.save(small_adapters.csgo(unet), Path("csgo.safetensors"))
    return ["a.png", "--prompt", "a fox", "--base", str(tiny_folders["sdxl"])]


@pytest.mark.parametrize("name", OF_ADAPTERS)
def test_what_authors_draw_with_is_the_default_of_their_adapter(with_csgo: list[str], name: str) -> None:
    adapter, settings, stated = OF_ADAPTERS[name]
    given = [*with_csgo, "--adapter", adapter] if adapter else with_csgo
    options, control = read_options(given)
    assert {each: getattr(control.settings, each) for each in settings} == settings
    assert {each: getattr(options, each) for each in stated} == stated
    options, control = read_options([*given, "--roles", "content", "--mix", "adain_sum", "--adapter-scale", "0.7"])
    assert (control.settings.roles, control.settings.mix, options.adapter_scale) == (("content",), "adain_sum", 0.7)
    assert read_options([*given, "--guidance-scale", "1"])[0].style_guidance_scale is None
    if name == "StyleCrafter":
        assert read_options([*given, "--control", "plain"])[0].adapter_scale == 0.5
        assert read_options([*given, "--preset", "bold"])[1].settings.teacher == 0.0


def test_adapters_are_known_by_their_names_without_reading_or_fetching(tmp_path: Path) -> None:
    from impasto.image_prompts.published import PUBLISHED, known_format

    assert {known_format(name) for name in PUBLISHED} == {"IP-Adapter", "IP-Adapter-Plus"}
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    for unknown in ("csgo", "nowhere.safetensors", str(tmp_path / "x.safetensors"), str(tmp_path)):
        assert known_format(unknown) is None


@pytest.mark.parametrize("given", ["infer_StyleStudio", "infer-stylestudio", "INFER_STYLESTUDIO"])
def test_scripts_are_presets_by_any_spelling(with_csgo: list[str], given: str) -> None:
    options, control = read_options([*with_csgo, "--adapter", "csgo.safetensors", "--preset", given])
    assert (options.steps, options.sampler, control.settings.teacher) == (50, "base", 0.4)
