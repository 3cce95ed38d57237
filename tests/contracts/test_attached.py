"""Attaching styles: exact, linear, reversible, and equal to what other tools do with the same file."""

from contextlib import closing
from pathlib import Path

import pytest
import torch

from impasto.adapters.extract import extract_low_rank
from impasto.adapters.patch import weight_changes
from impasto.core.errors import BaseMismatch, ConfigError
from impasto.methods.styleforge import StyleForge, StyleForgeSettings
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.style.references import NamedStyle, fit_styles
from impasto.training.options import TrainOptions
from impasto.training.train import train


def learn(base: Path, style_images: Path, out: Path, **settings: object) -> Style:
    options = TrainOptions(
        base=str(base),
        style_images=str(style_images),
        out=out,
        overwrite=True,
        steps=4,
        learning_rate=1e-2,
        sample_every=0,
        run_dir=out.with_suffix(".run"),
    )
    with closing(train(options, StyleForge(StyleForgeSettings(**settings)))) as events:
        for _ in events:
            pass
    return load_style(out)


@pytest.fixture
def lora(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> Style:
    return learn(tiny_folders["sdxl"], style_images, tmp_path / "lora.safetensors", learn="lora", rank=2)


@pytest.fixture
def full(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> Style:
    return learn(tiny_folders["sdxl"], style_images, tmp_path / "full.safetensors", learn="full")


def unet_weights(base: LatentDiffusion) -> torch.Tensor:
    return torch.cat([value.flatten() for value in base.denoiser.state_dict().values()])


def test_scale_is_linear_and_zero_is_the_base(sdxl: LatentDiffusion, lora: Style) -> None:
    plain = unet_weights(sdxl)
    with attached(sdxl, [(lora, 0.0)]):
        assert torch.equal(unet_weights(sdxl), plain)
    moved = []
    for scale in (0.5, 1.0):
        with attached(sdxl, [(lora, scale)]):
            moved.append(unet_weights(sdxl) - plain)
    torch.testing.assert_close(2 * moved[0], moved[1], rtol=0, atol=1e-6)
    assert moved[1].abs().max() > 1e-3


def test_several_styles_add_up(sdxl: LatentDiffusion, lora: Style, full: Style) -> None:
    plain, alone = unet_weights(sdxl), []
    for style in (lora, full):
        with attached(sdxl, [(style, 0.7)]):
            alone.append(unet_weights(sdxl) - plain)
    with attached(sdxl, [(lora, 0.7), (full, 0.7)]):
        torch.testing.assert_close(unet_weights(sdxl) - plain, alone[0] + alone[1], rtol=0, atol=1e-6)
    assert torch.equal(unet_weights(sdxl), plain)


def test_base_is_bit_identical_after_an_exception(sdxl: LatentDiffusion, full: Style) -> None:
    plain = unet_weights(sdxl)
    with pytest.raises(RuntimeError, match="in the middle"), attached(sdxl, [(full, 1.3)]):
        raise RuntimeError("in the middle")
    assert torch.equal(unet_weights(sdxl), plain)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.1])
def test_stock_load_lora_weights_does_the_same(
    tiny_folders: dict[str, Path], lora: Style, tmp_path: Path, sdxl: LatentDiffusion, scale: float
) -> None:
    """The file as it is, loaded by diffusers, against the file attached by us."""
    x_t, timestep = torch.randn((1, 4, 16, 16), generator=torch.Generator().manual_seed(0)), torch.tensor([200])
    stock = open_base(str(tiny_folders["sdxl"])).pipe
    stock.load_lora_weights(str(tmp_path / "lora.safetensors"), adapter_name="style")
    stock.set_adapters("style", scale)
    results = []
    with torch.no_grad(), attached(sdxl, [(lora, scale)]):
        for pipe in (stock, sdxl.pipe):
            states, _, pooled, _ = pipe.encode_prompt("a fox, zwx style", do_classifier_free_guidance=False)
            added = {"text_embeds": pooled, "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]])}
            results.append(pipe.unet(x_t, timestep, states, added_cond_kwargs=added).sample)
    assert (results[0] - results[1]).abs().max() < 1e-4
    assert any(name.startswith("text_encoder_2.") for name in lora.tensors)


def test_another_base_is_refused(tiny_folders: dict[str, Path], lora: Style) -> None:
    for other in ("sdxl-v", "sd15"):
        with (
            pytest.raises(BaseMismatch, match="trained for"),
            attached(open_base(str(tiny_folders[other])), [(lora, 1.0)]),
        ):
            pass


def test_half_precision_of_the_same_base_is_accepted(tiny_folders: dict[str, Path], lora: Style) -> None:
    with attached(open_base(str(tiny_folders["sdxl"]), precision="bf16"), [(lora, 1.0)]):
        pass


def test_new_token_learns_one_row_and_leaves_words_alone(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path
) -> None:
    folder = tiny_folders["sd15"]  # its configuration says eos_token_id = 2, as the published ones do
    style = learn(
        folder, style_images, tmp_path / "t.safetensors", learn="lora", rank=2, learn_text=False, new_token=True
    )
    base = open_base(str(folder))
    words, styled = base.encode_prompts(["a fox"]), base.encode_prompts(["a fox, zwx style"])
    with attached(base, [(style, 1.0)]):
        assert torch.equal(base.encode_prompts(["a fox"]).states, words.states)
        assert not torch.equal(base.encode_prompts(["a fox, zwx style"]).states, styled.states)
        with pytest.raises(ConfigError, match="already a token"), attached(base, [(style, 1.0)]):
            pass
    assert torch.equal(base.encode_prompts(["a fox, zwx style"]).states, styled.states)


def test_a_new_word_stays_with_the_role_that_it_calls(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path
) -> None:
    folder, settings = tiny_folders["sd15"], {"learn": "lora", "rank": 2, "learn_text": False, "new_token": True}
    style = learn(folder, style_images, tmp_path / "t.safetensors", **settings)
    base = open_base(str(folder))
    for role, count in (("style", 1), ("content", 3)):
        (fitted,) = fit_styles(base, [NamedStyle(tmp_path / "t.safetensors", 1.0, style, role)])
        with attached(base, [(fitted.style, 1.0)]):
            assert len(base.pipe.tokenizer.encode("zwx", add_special_tokens=False)) == count


def test_extraction_at_full_rank_is_exact_and_error_is_the_tail(full: Style) -> None:
    changes = weight_changes(full.tensors)
    exact = extract_low_rank(full.tensors, 4096)
    rebuilt = weight_changes(exact.tensors)
    assert exact.error < 1e-4
    for name, change in rebuilt.items():
        torch.testing.assert_close(change, changes[name], rtol=0, atol=1e-5)
    rough = extract_low_rank(full.tensors, 2)
    values = [torch.linalg.svdvals(changes[name].flatten(1)) for name in rebuilt]
    tail, total = sum(float((v[2:] ** 2).sum()) for v in values), sum(float((v**2).sum()) for v in values)
    assert rough.error == pytest.approx((tail / total) ** 0.5, rel=1e-3)
    assert 0 < rough.dropped < 1
