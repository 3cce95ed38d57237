"""What every method must keep, for every file in `methods/`."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.adapters.learnable import learning
from impasto.core.errors import BaseMismatch, ResourceError
from impasto.core.events import Event, TrainStep
from impasto.core.plugins import plugin_names
from impasto.core.rng import generator
from impasto.data.streams import concepts_of
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.methods import find_method
from impasto.registry.recipes import recipe_for
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.training.options import TrainOptions
from impasto.training.run_folder import RunFolder
from impasto.training.train import train

METHODS = plugin_names("impasto.methods")
SETTINGS_OF: dict[str, list[dict[str, object]]] = {
    "styleforge": [
        {"learn": "full"},
        {"learn": "full", "new_token": True},
        {"learn": "lora", "rank": 2},
        {"learn": "lora", "rank": 2, "new_token": True},
    ],
    "dreambooth": [{"learn": "full"}, {"learn": "lora", "rank": 2}],
    "lora": [{"rank": 2}, {"rank": 2, "alpha": 6.0, "learn_text": True}],
    "textual_inversion": [
        {"num_vectors": 3, "training_prompt": "{v}"},
        {"training_prompt": "in the style of {v}"},
    ],
    "custom_diffusion": [
        {"prior_weight": 1.0},
        {"concepts": ("people", "backgrounds"), "modifier_tokens": ("<one>", "<two>")},
    ],
    "multi_styleforge": [
        {"learn": "full"},
        {"learn": "lora", "rank": 2, "new_token": True},
        {"learn": "lora", "rank": 2, "concepts": ("a", "b", "c"), "identifiers": ("zwx", "ukj", "mnt")},
    ],
    "b_lora": [
        {"rank": 2},
        {"rank": 2, "roles": ("style",)},
        {"rank": 2, "objective": "x_0", "timesteps": "style-friendly"},
    ],
}
"""Settings to test a method with; a method that is not named here is tested with its defaults."""
RATE_OF = {"b_lora": 2e-2, "lora": 2e-2, "custom_diffusion": 5e-2, "textual_inversion": 3.0}
"""Learning rates for learning by heart; the less learns, the higher."""
BAR_OF = {"textual_inversion": 0.96}
"""What must be left of the loss, 0.9 for others: a word alone moves a random base little."""
VARIANTS = [(name, settings) for name in METHODS for settings in SETTINGS_OF.get(name, [{}])]


def make(name: str, **settings: object) -> object:
    method = find_method(name)
    return method(method.Config(**settings))


def weights(base: LatentDiffusion) -> dict[str, torch.Tensor]:
    return {
        f"{network}.{name}": value.clone()
        for network, module in base.networks().items()
        for name, value in module.state_dict().items()
    }


def assert_same(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name


def test_there_are_methods() -> None:
    assert METHODS


@pytest.mark.parametrize("name", METHODS)
def test_has_a_paper_and_a_recipe_for_pocket(name: str) -> None:
    method = find_method(name)
    assert method.paper.arxiv
    assert method.name == name
    assert recipe_for(name, "pocket")


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_base_is_bit_identical_after_learning(base: LatentDiffusion, name: str, settings: dict[str, object]) -> None:
    before, flags = weights(base), [p.requires_grad for m in base.networks().values() for p in m.parameters()]
    tokens = [len(each) for each in base.tokenizers().values()]
    with learning(make(name, **settings).adapters(base, generator(0))) as learnable:
        assert learnable.parameters()
        assert all(parameter.requires_grad for parameter in learnable.parameters())
        with torch.no_grad():
            for parameter in learnable.parameters():
                parameter.add_(1.0)
    assert_same(before, weights(base))
    assert [p.requires_grad for m in base.networks().values() for p in m.parameters()] == flags
    assert [len(each) for each in base.tokenizers().values()] == tokens


def first_of(name: str) -> object:
    return make(name, **SETTINGS_OF.get(name, [{}])[0])


def divide(folder: Path, concepts: list[str]) -> None:
    """Deal copies of the pictures in `folder` out to a subfolder for each concept."""
    for concept, index in ((concept, index) for index, concept in enumerate(concepts)):
        (folder / concept).mkdir(exist_ok=True)
        for path in sorted(folder.glob("*.png"))[index :: len(concepts)]:
            shutil.copy(path, folder / concept)


def options_for(
    method: object, base: Path, style_images: Path, aux_images: Path, out: Path, **changes: object
) -> TrainOptions:
    concepts = concepts_of(method.prompts())
    for folder in (style_images, aux_images):
        divide(folder, concepts)
    values: dict[str, object] = {
        "base": str(base),
        "style_images": str(style_images),
        "aux_images": str(aux_images) if any(name.startswith("aux") for name in method.prompts()) else None,
        "out": out,
        "overwrite": True,
        "steps": 3,
        "batch_size": 2,
        "learning_rate": 1e-3,
        "sample_every": 0,
        "run_dir": out.parent / "run",
    }
    return TrainOptions(**(values | changes))


@pytest.mark.parametrize(
    "family", ["sdxl", *(pytest.param(each, marks=pytest.mark.slow) for each in ("sd15", "sdxl-v"))]
)
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_style_file_reproduces_the_trained_model(
    tiny_folders: dict[str, Path],
    style_images: Path,
    aux_images: Path,
    tmp_path: Path,
    family: str,
    name: str,
    settings: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the network predicts with the file attached equals what it predicted at the end of training."""
    bases: list[LatentDiffusion] = []
    import impasto.training.train as module

    monkeypatch.setattr(module, "open_base", lambda *a, **k: bases.append(open_base(*a, **k)) or bases[-1])
    method = make(name, **settings)
    options = options_for(method, tiny_folders[family], style_images, aux_images, tmp_path / "style.safetensors")
    words = method.style_words()
    expected = None
    with closing(train(options, method)) as events:
        for event in events:
            if isinstance(event, TrainStep) and event.step == options.steps:
                expected = predict(bases[0], words)
                frozen = frozen_weights(bases[0])
    fresh = open_base(str(tiny_folders[family]))
    untouched = weights(fresh)
    for path, value in frozen.items():
        assert torch.equal(value, untouched[path]), path
    plain = predict(fresh, words)
    style = load_style(options.out)
    with attached(fresh, [(style, 1.0)]):
        torch.testing.assert_close(predict(fresh, words), expected, rtol=0, atol=1e-4)
        assert (predict(fresh, words) - plain).abs().max() > 1e-4
    assert_same(untouched, weights(fresh))


def frozen_weights(base: LatentDiffusion) -> dict[str, torch.Tensor]:
    """Return what does not learn, by the names of the untouched base."""
    return {
        plain_name(f"{network}.{path}"): parameter.detach().clone()
        for network, module in base.networks().items()
        for path, parameter in module.named_parameters()
        if not parameter.requires_grad
    }


@torch.no_grad()
def predict(base: LatentDiffusion, words: str) -> torch.Tensor:
    from impasto.models.conditioning import Geometry

    x_t = torch.randn((1, 4, 16, 16), generator=generator(0))
    words = base.encode_prompts([f"a fox, {words}"])
    return base.predict(x_t, torch.tensor([300]), words, [Geometry.whole(32, 32)])


@pytest.mark.parametrize("name", METHODS)
def test_loss_falls_when_one_picture_is_learnt_by_heart(
    tiny_folders: dict[str, Path], style_images: Path, aux_images: Path, tmp_path: Path, name: str
) -> None:
    """Against the same pictures, noise and timesteps without learning: what is left is what was learnt."""

    def last_losses(rate: float) -> float:
        folder = tmp_path / f"{rate:g}"
        method = first_of(name)
        options = options_for(
            method,
            tiny_folders["sdxl"],
            style_images,
            aux_images,
            folder / "style.safetensors",
            steps=80,
            learning_rate=rate,
        )
        with closing(train(options, method)) as events:
            return sum([event.loss for event in events if isinstance(event, TrainStep)][-20:])

    assert last_losses(RATE_OF.get(name, 3e-3)) < BAR_OF.get(name, 0.9) * last_losses(1e-12)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_only_declared_parameters_learn(sdxl: LatentDiffusion, name: str, settings: dict[str, object]) -> None:
    before = weights(sdxl)
    with learning(make(name, **settings).adapters(sdxl, generator(0))) as learnable:
        declared = {id(parameter) for parameter in learnable.parameters()}
        for module in sdxl.networks().values():
            for path, parameter in module.named_parameters():
                assert parameter.requires_grad == (id(parameter) in declared), path
        now = {plain_name(path): value for path, value in weights(sdxl).items()}
        assert all(torch.equal(value, now[path]) for path, value in before.items())


def plain_name(path: str) -> str:
    """Return a weight's name without what adapters put into it."""
    return path.replace(".base_layer", "").replace("token_embedding.table", "token_embedding")


@pytest.mark.parametrize("name", METHODS)
def test_weights_are_saved_when_the_log_cannot_be_written(
    tiny_folders: dict[str, Path],
    style_images: Path,
    aux_images: Path,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = RunFolder.log

    def full_disk(self: RunFolder, event: Event) -> None:
        if isinstance(event, TrainStep) and event.step == 2:
            raise ResourceError("cannot write events.jsonl: no space left on the disk")
        log(self, event)

    monkeypatch.setattr(RunFolder, "log", full_disk)
    method = first_of(name)
    options = options_for(method, tiny_folders["sdxl"], style_images, aux_images, tmp_path / "style.safetensors")
    with pytest.raises(ResourceError, match=r"style of step 2 is in .*style\.safetensors"):
        list(train(options, method))
    card = load_style(options.out).card
    assert (card.steps, card.is_complete) == (2, False)


@pytest.fixture(params=METHODS)
def learnt(
    request: pytest.FixtureRequest, tiny_folders: dict[str, Path], style_images: Path, aux_images: Path, tmp_path: Path
) -> Callable[..., Style]:
    """Train a method, each in turn, on the tiny SDXL base for three steps."""

    def train_it(out: str = "style", **changes: object) -> Style:
        method, target = first_of(request.param), tmp_path / out / "style.safetensors"
        changes = {"learning_rate": RATE_OF.get(request.param, 1e-3)} | changes
        for _ in train(options_for(method, tiny_folders["sdxl"], style_images, aux_images, target, **changes), method):
            pass
        return load_style(target)

    return train_it


def test_same_seed_same_style(learnt: Callable[..., Style]) -> None:
    first, again, other = learnt("first"), learnt("again"), learnt("other", seed=7)
    assert_same(first.tensors, again.tensors)
    assert any(not torch.equal(value, other.tensors[name]) for name, value in first.tensors.items())


def test_another_base_is_refused_and_the_batch_changes_nothing(
    learnt: Callable[..., Style], tiny_folders: dict[str, Path], sdxl: LatentDiffusion
) -> None:
    style = learnt()
    for other in ("sdxl-v", "sd15"):
        with (
            pytest.raises(BaseMismatch, match="was trained for"),
            attached(open_base(str(tiny_folders[other])), [(style, 1.0)]),
        ):
            pass
    requests = [
        ImageRequest(f"{what}, {style.card.style_words}", seed) for seed, what in enumerate(("fox", "hut", "sea"))
    ]
    with attached(sdxl, [(style, 1.0)]):
        pictures = {
            batch: [
                np.asarray(image, dtype=int)
                for _, image in draw(sdxl, requests, SamplingParams(2, 3.0, 32, 32, batch=batch))
            ]
            for batch in (1, 3)
        }
    assert np.abs(np.stack(pictures[1]) - np.stack(pictures[3])).max() <= 1  # rounding at a boundary
