"""The Python face does what the command line does: same options, same recipe, same picture."""

import inspect
import re
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
import small_adapters
from conftest import write_pictures
from impasto.api import keywords
from impasto.api.base import Base
from impasto.api.desk import Desk
from impasto.api.training import _with_recipe
from impasto.cli.main import main
from impasto.core.config import Config
from impasto.generation.mix_options import MixOptions
from impasto.generation.options import DrawOptions, GenerateOptions, StyledOptions
from impasto.generation.transfer_options import TransferOptions
from impasto.registry.recipes import recipe_for
from impasto.style.references import parse_style
from impasto.training.options import TrainOptions

OPTIONS: Mapping[type, type[Config]] = {
    keywords.SamplingKeywords: DrawOptions,
    keywords.PromptKeywords: StyledOptions,
    keywords.GenerateKeywords: GenerateOptions,
    keywords.MixKeywords: MixOptions,
    keywords.TransferKeywords: TransferOptions,
    keywords.TrainKeywords: TrainOptions,
}


@pytest.mark.parametrize("offered", OPTIONS, ids=lambda kind: kind.__name__)
def test_every_keyword_is_an_option(offered: type) -> None:
    assert set(offered.__annotations__) - {"control"} <= set(OPTIONS[offered].model_fields)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def base(tiny_folders: dict[str, Path]) -> Base:
    return impasto.load(str(tiny_folders["sdxl"]), device="cpu")


@pytest.fixture(scope="module")
def style_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("given") / "style-pictures", 4, seed=1, captions=True)


@pytest.fixture(scope="module")
def learnt(base: Base, style_images: Path) -> impasto.Style:
    method = impasto.StyleForge(learn="lora", rank=2, learn_text=False)
    return impasto.train(base, method, images=style_images, steps=2, learning_rate=1e-2, cache="none")


def test_the_picture_is_that_of_the_command_line(
    base: Base, learnt: impasto.Style, tiny_folders: dict[str, Path], tmp_path: Path
) -> None:
    learnt.save(tmp_path / "fox.safetensors")
    given = ["generate", "--base", str(tiny_folders["sdxl"]), "--style", f"{tmp_path / 'fox.safetensors'}:0.8"]
    assert main([*given, "--prompt", "a lion", "--seed", "3", "--steps", "2", "--out", str(tmp_path / "cli.png")]) == 0
    with base.styled(learnt, scale=0.8):
        drawn = base.generate("a lion", seed=3, steps=2)
        several = base.generate(["a lion", "a fox"], seed=3, steps=2)
    assert np.array_equal(pixels(drawn), pixels(Image.open(tmp_path / "cli.png")))
    assert [pixels(each).shape for each in several] == [pixels(drawn).shape] * 2
    assert not np.array_equal(pixels(base.generate("a lion", seed=3, steps=2)), pixels(drawn))


def test_the_style_is_that_of_the_command_line(
    learnt: impasto.Style, tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path
) -> None:
    flags = ["--learn", "lora", "--rank", "2", "--no-learn-text", "--steps", "2", "--learning-rate", "1e-2"]
    where = ["--base", str(tiny_folders["sdxl"]), "--style-images", str(style_images), "--cache", "none"]
    kept = ["--out", str(tmp_path / "fox.safetensors"), "--run-dir", str(tmp_path / "run"), "--sample-every", "0"]
    assert main(["train", "styleforge", *flags, *where, *kept]) == 0
    theirs = impasto.Style.load(tmp_path / "fox.safetensors")
    assert theirs.tensors.keys() == learnt.tensors.keys()
    assert all(torch.equal(theirs.tensors[name], value) for name, value in learnt.tensors.items())


def test_the_base_is_bit_identical_afterwards_and_styled_once_at_a_time(base: Base, learnt: impasto.Style) -> None:
    before = {name: value.clone() for name, value in base.model.denoiser.state_dict().items()}
    refused = pytest.raises(impasto.ConfigError, match="styles are attached already")
    with base.styled((learnt, 0.5)), refused, base.styled(learnt):
        pass
    assert all(torch.equal(value, before[name]) for name, value in base.model.denoiser.state_dict().items())
    assert not base.is_styled


def test_training_and_mixing_are_refused_while_styled(base: Base, learnt: impasto.Style, style_images: Path) -> None:
    with base.styled(learnt):
        with pytest.raises(impasto.ConfigError, match="leave the `with`"):
            impasto.train(base, impasto.LoRA(), images=style_images)
        with pytest.raises(impasto.ConfigError, match="leave the `with`"):
            base.mix(style=learnt.style)


def test_a_pipeline_goes_in_and_shares_its_weights(base: Base) -> None:
    again = impasto.from_pipeline(base.pipe)
    assert again.model.denoiser is base.model.denoiser
    drawn = (each.generate("a lion", seed=1, steps=2) for each in (base, again))
    assert np.array_equal(*map(pixels, drawn))


def test_previews_come_before_the_picture(base: Base) -> None:
    shown = list(base.generate_with_previews("a lion", every=1, seed=1, steps=3))
    assert len(shown) == 3
    assert np.array_equal(pixels(shown[-1]), pixels(base.generate("a lion", seed=1, steps=3)))


def test_pictures_in_memory_are_redrawn_and_looked_at(base: Base, style_images: Path) -> None:
    (path, *_) = sorted(style_images.glob("*.png"))
    picture = Image.open(path)
    assert np.array_equal(*(pixels(base.stylize(each, "a fox", steps=4)) for each in (path, picture)))
    control = impasto.StyleAligned()
    drawn = (base.transfer("a fox", each, control=control, steps=2) for each in (path, picture))
    assert np.array_equal(*map(pixels, drawn))


@pytest.mark.parametrize("kind", ["IP-Adapter-Plus", "StyleCrafter"])
def test_a_transfer_is_that_of_the_command_line(
    base: Base, tiny_folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """With what the adapter's authors draw with, where nothing else is asked for."""
    tensors = small_adapters.MAKERS[kind](base.model.denoiser)
    adapter = str(small_adapters.save(tensors, tmp_path / "adapter.safetensors"))
    small_adapters.encoder_folder(tmp_path / "image_encoder", states=64 if kind == "StyleCrafter" else 32)
    small_adapters.picture(1).save(tmp_path / "style.png")
    given = ["transfer", str(tmp_path / "style.png"), "--base", str(tiny_folders["sdxl"]), "--adapter", adapter]
    assert main([*given, "--prompt", "a fox", "--steps", "2", "--out", str(tmp_path / "cli.png")]) == 0
    drawn = base.transfer("a fox", tmp_path / "style.png", adapter=adapter, steps=2)
    assert np.array_equal(pixels(drawn), pixels(Image.open(tmp_path / "cli.png")))
    changed = {
        "IP-Adapter-Plus": {"control": impasto.StyleStudio(roles=("all",))},
        "StyleCrafter": {"adapter_scale": 1.0},
    }
    other = base.transfer("a fox", tmp_path / "style.png", adapter=adapter, steps=2, **changed[kind])
    assert not np.array_equal(pixels(other), pixels(drawn))


def test_a_set_is_drawn_in_the_style_of_its_first_picture(base: Base) -> None:
    first, second = base.transfer(["a fox", "an owl"], together=True, seed=3, steps=2)
    assert np.abs(pixels(first).astype(int) - pixels(base.generate("a fox", seed=3, steps=2))).max() <= 1
    assert np.abs(pixels(second).astype(int) - pixels(base.generate("an owl", seed=4, steps=2))).max() > 1


def test_events_end_with_the_saved_style(base: Base, style_images: Path, tmp_path: Path) -> None:
    method = impasto.LoRA(rank=2)
    given = {"images": style_images, "out": tmp_path / "x.safetensors", "run_dir": tmp_path / "run"}
    with closing(impasto.train_events(base, method, **given, steps=1, sample_every=0, cache="none")) as events:
        *_, last = events
    assert isinstance(last, impasto.Saved)
    assert impasto.Style.load(last.path).card.method == "lora"


def test_a_style_that_a_message_names_is_still_there(
    base: Base, style_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, calls = impasto.LoRA.loss, []

    def diverging(*arguments: object) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        calls.append(1)
        total, terms = loss(*arguments)
        return total * (float("nan") if len(calls) == 2 else 1), terms

    monkeypatch.setattr(impasto.LoRA, "loss", diverging)
    with pytest.raises(impasto.TrainingDiverged) as error:
        impasto.train(base, impasto.LoRA(rank=2), images=style_images, steps=3, cache="none")
    kept = Path(re.search(r"the weights of step 1 are in (\S+): ", str(error.value))[1])
    assert impasto.Style.load(kept).card.steps == 1
    shutil.rmtree(kept.parent)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda base: base.generate("a fox", stpes=2), "generate: unknown option 'stpes'"),
        (lambda base: base.generate("a fox", num_images=2, steps=1), "goes with a list of prompts"),
        (lambda _: impasto.StyleForge(rnak=2), "StyleForge: unknown option 'rnak'"),
        (lambda _: impasto.StyleStudio(strength=2), "StyleStudio: strength = 2"),
        (lambda _: impasto.load("nothing/"), "base 'nothing/' was not found"),
    ],
)
def test_mistakes_are_told_in_one_line(base: Base, call, told: str) -> None:
    with pytest.raises(impasto.ConfigError) as caught:
        call(base)
    assert told in str(caught.value)


def test_several_pictures_of_one_prompt_are_refused_before_any_is_drawn(
    base: Base, style_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("generate", "transfer"):
        monkeypatch.setattr(f"impasto.api.base.{name}", lambda *_, **__: pytest.fail("it draws"))
    with pytest.raises(impasto.ConfigError, match="2 pictures are asked for, which goes with a list of prompts"):
        base.generate("a fox", num_images=2)
    with pytest.raises(impasto.ConfigError, match=r"write \['a fox'\]"):  # a style each, and their sheet
        base.transfer("a fox", style_images)


def test_scales_of_a_call_and_of_a_name_are_multiplied() -> None:
    with Desk() as desk:
        assert parse_style(desk.style(("ink.safetensors:0.5", 0.5))) == (Path("ink.safetensors"), None, 0.25)
        assert parse_style(desk.style(("ink.safetensors@style", 1 / 3))) == (Path("ink.safetensors"), "style", 1 / 3)
        assert parse_style(desk.style(Path("ink.safetensors"))) == (Path("ink.safetensors"), None, 1.0)


class OfPocket:
    """Stands in for a base where only its recipe matters."""

    recipe = "pocket"


def test_recipes_fill_in_what_the_caller_does_not_name() -> None:
    base = Base.__new__(Base)
    base.model = OfPocket()
    stated = recipe_for("styleforge", "pocket")
    chosen, shared = _with_recipe(base, impasto.StyleForge(prior_weight=0.25))
    assert chosen.settings.prior_weight == 0.25
    assert shared["learning_rate"] == stated["learning_rate"]
    own = {name: value for name, value in stated.items() if name in type(chosen.settings).model_fields}
    assert chosen.settings.model_dump().items() >= (own | {"prior_weight": 0.25}).items()


def test_public_functions_and_classes_are_documented() -> None:
    for name in impasto.__all__:
        found = getattr(impasto, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), name
