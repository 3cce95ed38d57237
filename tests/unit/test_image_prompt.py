"""Image prompt adapters: naming of layers, references of all shapes, encoders that fit, and files that do not."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

import small_adapters
import tiny
from impasto.core.errors import ConfigError, DataError, ImpastoError, ResourceError, UnsafeFile
from impasto.generation.draw import draw_with_previews
from impasto.generation.requests import Guides, ImageRequest, SamplingParams
from impasto.image_prompts.cross_attentions import cross_attentions
from impasto.image_prompts.formats._resampler import name_in_file
from impasto.image_prompts.image_encoder import load_encoder
from impasto.image_prompts.image_prompt import ImagePromptAdapter, open_image_prompt, read_contents
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from small_adapters import MAKERS, Tensors, picture

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tiny_folders: dict[str, Path]) -> LatentDiffusion:
    base = open_base(str(tiny_folders["sdxl"]), device="cpu")
    base.pipe.register_modules(image_encoder=small_adapters.encoder(), feature_extractor=small_adapters.extractor())
    return base


@pytest.fixture(scope="module")
def plain(base: LatentDiffusion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_adapters.save(MAKERS["IP-Adapter"](base.denoiser), tmp_path_factory.mktemp("plain") / "a.safetensors")


def refused(path: Path, base: LatentDiffusion, kind: type[ImpastoError] = ConfigError, **how: object) -> str:
    with pytest.raises(kind) as caught:
        open_image_prompt(path, base, **how)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


# Layers of SDXL: attentions, number of the first of them, how many transformer layers, channels. From the published
# description, not from a UNet.
SDXL_TABLE = (
    ("down_blocks.1.attentions.0", 0, 2, 640),
    ("down_blocks.1.attentions.1", 4, 2, 640),
    ("down_blocks.2.attentions.0", 8, 10, 1280),
    ("down_blocks.2.attentions.1", 28, 10, 1280),
    ("up_blocks.0.attentions.0", 48, 10, 1280),
    ("up_blocks.0.attentions.1", 68, 10, 1280),
    ("up_blocks.0.attentions.2", 88, 10, 1280),
    ("up_blocks.1.attentions.0", 108, 2, 640),
    ("up_blocks.1.attentions.1", 112, 2, 640),
    ("up_blocks.1.attentions.2", 116, 2, 640),
    ("mid_block.attentions.0", 120, 10, 1280),
)


def test_numbers_name_the_layers_of_sdxl() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            block_out_channels=(320, 640, 1280),
            layers_per_block=2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            use_linear_projection=True,
        )
    found = {each.number: each for each in cross_attentions(unet)}
    expected = {
        first + 2 * layer + 1: (f"{block}.transformer_blocks.{layer}.attn2", channels)
        for block, first, count, channels in SDXL_TABLE
        for layer in range(count)
    }
    assert len(found) == 70
    assert {number: (each.path, each.channels) for number, each in found.items()} == expected
    assert {each.words for each in found.values()} == {2048}
    style = [number for number, each in found.items() if each.path.startswith("up_blocks.0.attentions.1.")]
    assert style == list(range(69, 88, 2))


def test_names_of_the_resampler_are_those_that_pocket_is_written_with(base: LatentDiffusion) -> None:
    image_prompt = pytest.importorskip("pretraining.image_prompt")
    from diffusers.models.embeddings import IPAdapterPlusImageProjection

    for name in IPAdapterPlusImageProjection(8, 8, 8, depth=2, heads=1, num_queries=2).state_dict():
        published = image_prompt._published_name(name.replace(".to_k.", ".to_kv.").replace(".to_v.", ".to_kv."))
        assert name_in_file(name) == published


def test_pockets_own(base: LatentDiffusion, tmp_path: Path) -> None:
    """What `pretraining` writes is read back: every tensor, in half precision."""
    image_prompt = pytest.importorskip("pretraining.image_prompt")
    tiny.seeded(5)
    pipe = tiny.sdxl()
    learnt = image_prompt.attach_image_prompt(pipe.unet, small_adapters.STATES, device=CPU)
    for parameter in learnt.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(parameter.numel()))
    path = image_prompt.write_checkpoint(learnt, tmp_path)
    adapter = open_image_prompt(path, base)
    states = small_adapters.Random(4)(2, small_adapters.PLACES, small_adapters.STATES)
    with torch.no_grad():
        expected = learnt["image_proj"].half().float()(states)
    assert (adapter.project(states) - expected).abs().max() < 1e-5
    processors = [each for each in pipe.unet.attn_processors.values() if hasattr(each, "to_k_ip")]
    for (to_k, to_v), processor in zip(adapter.contents.projections.values(), processors, strict=True):
        assert torch.equal(to_k.weight, processor.to_k_ip[0].weight.half().float())
        assert torch.equal(to_v.weight, processor.to_v_ip[0].weight.half().float())


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_resampler_may_have_any_depth(base: LatentDiffusion, tmp_path: Path, depth: int) -> None:
    tensors = small_adapters.ip_adapter_plus(base.denoiser, depth=depth)
    adapter = open_image_prompt(small_adapters.save(tensors, tmp_path / "a.safetensors"), base)
    assert len(adapter.contents.projection.layers) == depth
    assert adapter.tokens([picture()]).tokens.shape == (1, 6, 40)


@pytest.mark.parametrize("title", MAKERS)
def test_the_format_is_recognised_and_nothing_is_random(base: LatentDiffusion, tmp_path: Path, title: str) -> None:
    path = small_adapters.save(MAKERS[title](base.denoiser), tmp_path / "a.safetensors")
    before = {name: value.clone() for name, value in base.denoiser.state_dict().items()}
    first, second = read_contents(path, base), read_contents(path, base)
    assert first.title == title
    in_file = {tuple(value.flatten()[:3].tolist()) for value in load_file(path).values()}
    pairs = zip(first.projection.state_dict().items(), second.projection.state_dict().items(), strict=True)
    for (name, value), (_, again) in pairs:
        assert torch.equal(value, again)
        assert not value.requires_grad
        assert tuple(value.flatten()[:3].tolist()) in in_file or ".to_v." in name
    assert all(torch.equal(value, before[name]) for name, value in base.denoiser.state_dict().items())


# --- references


def test_references_are_averaged_by_weight(base: LatentDiffusion, plain: Path) -> None:
    adapter = open_image_prompt(plain, base)
    one, two = (adapter.tokens([picture(seed)]).tokens for seed in (1, 2))
    both = adapter.tokens([picture(1), picture(2)], [3, 1]).tokens
    assert torch.allclose(both, 0.75 * one + 0.25 * two, atol=1e-6)
    assert torch.allclose(adapter.tokens([picture(1), picture(2)]).tokens, (one + two) / 2, atol=1e-6)
    assert torch.allclose(adapter.tokens([picture(1), picture(2)], [1, 0]).tokens, one, atol=1e-6)
    side_by_side = open_image_prompt(plain, base, join="concat")
    assert torch.allclose(side_by_side.tokens([picture(1), picture(2)]).tokens, torch.cat([one, two], 1), atol=1e-6)
    assert side_by_side.null(3, 2).tokens.shape == (3, 8, 40)


def test_bad_weights_are_refused(base: LatentDiffusion, plain: Path) -> None:
    adapter = open_image_prompt(plain, base)
    for weights in ([1], [1, -1], [0, 0], [1, float("nan")]):
        with pytest.raises(ConfigError, match="weight"):
            adapter.tokens([picture(1), picture(2)], weights)
    with pytest.raises(ConfigError, match="no weights"):
        open_image_prompt(plain, base, join="concat").tokens([picture(1)], [1])
    with pytest.raises(DataError, match="at least one"):
        adapter.tokens([])
    with pytest.raises(ConfigError, match="no gates"):
        adapter.gated_tokens([picture(1)], torch.zeros(1, 4, 40))


def test_rows_do_not_know_of_each_other(base: LatentDiffusion, plain: Path) -> None:
    """Upstream takes any four rows for two pairs of teacher and student."""
    adapter = open_image_prompt(plain, base)
    assert torch.equal(adapter.null(4).tokens, adapter.null(1).tokens.expand(4, -1, -1))


@pytest.mark.parametrize("size", [(64, 24), (24, 64), (200, 9), (49, 48)])
def test_no_part_of_a_reference_is_lost_or_stretched(base: LatentDiffusion, plain: Path, size: tuple[int, int]) -> None:
    from impasto.image_prompts.reference_squares import reference_squares

    image = picture(3, *size)
    (padded,) = reference_squares(image, "pad")
    side = max(size)
    assert padded.size == (side, side)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    assert padded.crop((left, top, left + size[0], top + size[1])).tobytes() == image.tobytes()
    adapter = open_image_prompt(plain, base)
    assert adapter.plan([picture(), image]) == (
        f"reference 2: {size[0]}x{size[1]}, padded to a square by its mirror image",
    )
    if side > 8 * min(size):
        with pytest.raises(ConfigError, match="at most 8"):
            reference_squares(image, "tile")
        return
    tiles = reference_squares(image, "tile")
    assert {tile.size for tile in tiles} == {(min(size), min(size))}
    assert tiles[0].tobytes() == image.crop((0, 0, min(size), min(size))).tobytes()
    assert tiles[-1].tobytes() == image.crop((size[0] - min(size), size[1] - min(size), *size)).tobytes()
    tiled = open_image_prompt(plain, base, fit="tile")
    each = torch.cat([tiled.tokens([tile]).tokens for tile in tiles])
    assert torch.allclose(tiled.tokens([image]).tokens, each.mean(0, keepdim=True), atol=1e-5)
    assert f"{len(tiles)} overlapping squares" in tiled.plan([image])[0]


def test_what_lies_at_the_rim_of_a_wide_reference_counts(base: LatentDiffusion, plain: Path) -> None:
    image = picture(3, 96, 32)
    changed = image.copy()
    changed.paste((255, 0, 0), (0, 0, 16, 32))  # outside the middle square that encoders cut out
    for fit in ("pad", "tile"):
        adapter = open_image_prompt(plain, base, fit=fit)
        assert (adapter.tokens([image]).tokens - adapter.tokens([changed]).tokens).abs().max() > 1e-3


@pytest.mark.parametrize("side", [20, 32, 33, 500])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_preparation_equals_that_of_transformers(base: LatentDiffusion, plain: Path, side: int, mode: str) -> None:
    image = picture(side, side, side).convert(mode)
    expected = small_adapters.extractor()(image, return_tensors="pt").pixel_values
    adapter = open_image_prompt(plain, base)
    assert (adapter.encoder.preparation.pixels([image]) - expected).abs().max() < 1e-5
    assert adapter.plan([image]) == ()


# --- encoders


@pytest.mark.parametrize("place", ["image_encoder", "../models/image_encoder"])
def test_the_encoder_beside_the_adapter_is_found(
    base: LatentDiffusion, tiny_folders: dict[str, Path], tmp_path: Path, place: str
) -> None:
    bare = open_base(str(tiny_folders["sdxl"]), device="cpu")
    folder = tmp_path / "sdxl_models"
    path = small_adapters.save(MAKERS["IP-Adapter"](bare.denoiser), folder / "a.safetensors")
    assert "no image encoder" in refused(path, bare)
    misfit = small_adapters.encoder_folder(tmp_path / "sdxl_models" / "image_encoder", embeds=20)
    message = refused(path, bare)
    assert f"width {small_adapters.EMBEDS}" in message
    assert f"{misfit} gives width 20" in message
    small_adapters.encoder_folder(folder / place)
    adapter = open_image_prompt(path, bare)
    assert (
        adapter.tokens([picture()]).tokens - open_image_prompt(path, base).tokens([picture()]).tokens
    ).abs().max() < 1e-6


def test_a_named_encoder_comes_first_and_has_to_fit(base: LatentDiffusion, plain: Path, tmp_path: Path) -> None:
    fitting = small_adapters.encoder_folder(tmp_path / "fits")
    assert open_image_prompt(plain, base, encoder=str(fitting)).encoder.name == str(fitting)
    other = small_adapters.encoder_folder(tmp_path / "other", embeds=20)
    message = refused(plain, base, encoder=str(other))
    assert "image embeddings of width 12" in message
    assert f"{other} gives width 20" in message
    with pytest.raises(ConfigError, match=r"IP-Adapter adapter reads image embeddings of width 12.* gives width 20"):
        ImagePromptAdapter(read_contents(plain, base), load_encoder(str(other), device=CPU, dtype=torch.float32))
    with pytest.raises(ResourceError, match="could not be loaded"):
        open_image_prompt(plain, base, encoder=str(tmp_path / "nowhere"))


def test_an_encoder_without_all_its_weights_is_refused(base: LatentDiffusion, plain: Path, tmp_path: Path) -> None:
    folder = small_adapters.encoder_folder(tmp_path / "encoder")
    state = load_file(folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ResourceError, match=r"lacks 1 weights, visual_projection\.weight"):
        open_image_prompt(plain, base, encoder=str(folder))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"do_normalize": False}, "do_normalize = False"),
        ({"size": {"height": 32, "width": 40}}, "needs one number"),
        ({"crop_size": 16}, "was made for 32"),
        ({"image_mean": [0.5]}, "needs three numbers"),
    ],
)
def test_a_preparation_that_cannot_be_followed_is_refused(
    base: LatentDiffusion, plain: Path, tmp_path: Path, change: dict[str, object], says: str
) -> None:
    folder = small_adapters.encoder_folder(tmp_path / "encoder")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=says):
        open_image_prompt(plain, base, encoder=str(folder))


# --- files


MUTATIONS = {
    "missing layer": lambda t: {k: v for k, v in t.items() if not re.search(r"\.3\.to_k", k)},
    "missing bias": lambda t: {k: v for k, v in t.items() if k != next(n for n in t if n.endswith(".bias"))},
    "wrong shape": lambda t: {k: (v[:-1] if v.ndim == 2 and re.search(r"\.3\.to_", k) else v) for k, v in t.items()},
    "extra layer": lambda t: t | {k.replace(".3.", ".2."): v for k, v in t.items() if ".3.to_" in k},
    "extra part of a layer": lambda t: t | {next(k for k in t if ".3.to_" in k) + "_lora": torch.ones(2, 2)},
    "extra group": lambda t: t | {"lora.weight": torch.ones(2, 2)},
    "extra in group": lambda t: t | {next(iter(t)).partition(".")[0] + ".surplus": torch.ones(2)},
    "not a number": lambda t: {k: (v * float("nan") if i == 1 else v) for i, (k, v) in enumerate(t.items())},
    "words of another width": lambda t: {k: (torch.ones(len(v), 7) if ".to_k" in k else v) for k, v in t.items()},
    "fewer layers": lambda t: {k: v for k, v in t.items() if f".{last_number(t)}." not in k},
}


def last_number(tensors: Tensors) -> int:
    return max(int(found[1]) for name in tensors if (found := re.search(r"\.(\d+)\.to_[kv]_(ip|style)\.", name)))


@pytest.mark.parametrize("title", MAKERS)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_damaged_file_is_refused(base: LatentDiffusion, tmp_path: Path, title: str, mutation: str) -> None:
    tensors = MAKERS[title](base.denoiser)
    first_in_up = min(int(n.split(".")[1]) for n in tensors if n.startswith("ip_adapter.")) if title == "CSGO" else 3
    if title == "CSGO":  # its layers begin later
        tensors = {name.replace(f".{first_in_up}.to_", ".3.to_"): value for name, value in tensors.items()}
    mutated = MUTATIONS[mutation](tensors)
    mutated = {
        name.replace(".3.to_", f".{first_in_up}.to_").replace(".2.to_", f".{first_in_up - 1}.to_"): value
        for name, value in mutated.items()
    }
    path = small_adapters.save(mutated, tmp_path / "a.safetensors")
    message = refused(path, base)
    if mutation in {"words of another width", "fewer layers"}:
        assert "does not fit this base" in message
    else:
        assert "is damaged" in message


def test_csgo_layers_for_content_are_left_out(base: LatentDiffusion, tmp_path: Path) -> None:
    tensors = small_adapters.csgo(base.denoiser) | {"ip_adapter.1.to_k_ip.weight": torch.ones(32, 40)}
    contents = read_contents(small_adapters.save(tensors, tmp_path / "a.safetensors"), base)
    assert contents.notes[-1] == "its layers outside the up blocks are left out"
    assert all(path.startswith("up_blocks.") for path in contents.projections)


def test_an_adapter_for_another_family_is_refused(base: LatentDiffusion, tmp_path: Path) -> None:
    tiny.seeded()
    path = small_adapters.save(MAKERS["IP-Adapter"](tiny.sd15().unet), tmp_path / "a.safetensors")
    message = refused(path, base)
    assert "width 16" in message
    assert "width 40" in message


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt", ".safetensors"])
@pytest.mark.parametrize("title", ["IP-Adapter", "StyleCrafter"])
def test_a_pickle_is_refused_and_the_line_that_converts_it_is_right(
    tiny_folders: dict[str, Path], base: LatentDiffusion, tmp_path: Path, suffix: str, title: str
) -> None:
    tensors = MAKERS[title](base.denoiser)
    nested: dict[str, object] = dict(tensors)
    if title == "IP-Adapter":
        nested = {
            group: {k.removeprefix(f"{group}."): v for k, v in tensors.items() if k.startswith(group)}
            for group in ("image_proj", "ip_adapter")
        }
    path = tmp_path / f"adapter{suffix}"
    torch.save(nested, path)  # noqa: TID251 - to make what must be refused
    message = refused(path, base, UnsafeFile)
    _, _, line = message.partition("python -c ")
    (code,) = shlex.split(line)
    exec(code)
    (made,) = set(tmp_path.glob("*.safetensors")) - {path}
    assert read_contents(made, base).title == title
    assert {name: value.shape for name, value in load_file(made).items()} == {n: v.shape for n, v in tensors.items()}


def test_other_files_are_refused(base: LatentDiffusion, tmp_path: Path, plain: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none.safetensors", base)
    assert "is a folder" in refused(tmp_path, base)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(plain.read_bytes()[:-10])
    assert "not a safetensors file" in refused(cut, base, UnsafeFile)
    other = small_adapters.save({"image_proj.proj.0.weight": torch.ones(2, 2)}, tmp_path / "faceid.safetensors")
    message = refused(other, base)
    assert "no known format" in message
    assert "CSGO, IP-Adapter, IP-Adapter-Plus, StyleCrafter" in message


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_a_scale_that_is_no_number_is_refused(base: LatentDiffusion, plain: Path, scale: float) -> None:
    with pytest.raises(ConfigError, match="scale"):
        open_image_prompt(plain, base, scale=scale)


def test_csgo_with_a_first_convolution_of_its_own(base: LatentDiffusion, tmp_path: Path) -> None:
    """The base's own changes nothing; another one is in the UNet while it is drawn with, and gone afterwards."""
    tensors = small_adapters.csgo(base.denoiser)
    own = {f"conv_in_unet_sd.{name}": value.half() for name, value in base.denoiser.conv_in.state_dict().items()}
    same = read_contents(small_adapters.save(tensors | own, tmp_path / "a.safetensors"), base)
    assert (same.title, dict(same.changes)) == ("CSGO", {})
    other = own | {"conv_in_unet_sd.bias": own["conv_in_unet_sd.bias"] + 1}
    contents = read_contents(small_adapters.save(tensors | other, tmp_path / "b.safetensors"), base)
    assert set(contents.changes) == {"delta.unet.conv_in.bias"}
    assert any("first convolution" in note for note in contents.notes)
    seen, before = [], {name: value.clone() for name, value in base.denoiser.state_dict().items()}
    hook = base.denoiser.conv_in.register_forward_pre_hook(lambda conv, _: seen.append(conv.bias.clone()))
    params, request = SamplingParams(2, 1.0, 32, 32), ImageRequest("a fox", 7)
    list(draw_with_previews(base, [request], params, Guides(changes=contents.changes)))
    hook.remove()
    assert all((bias - other["conv_in_unet_sd.bias"].float()).abs().max() < 1e-5 for bias in seen)
    assert len(seen) == 2
    assert all(torch.equal(value, before[name]) for name, value in base.denoiser.state_dict().items())
    wide = tensors | {"conv_in_unet_sd.weight": torch.ones(3, 3)}
    assert "conv_in_unet_sd.weight is 3x3" in refused(small_adapters.save(wide, tmp_path / "c.safetensors"), base)
    extra = tensors | {"conv_in_unet_sd.gain": torch.ones(3)}
    assert "has no place" in refused(small_adapters.save(extra, tmp_path / "d.safetensors"), base)


def test_stylecrafter_is_not_drawn_as_if_it_were_plain(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    base = open_base(str(tiny_folders["sdxl"]), device="cpu")
    base.pipe.register_modules(
        image_encoder=small_adapters.encoder(states=64), feature_extractor=small_adapters.extractor()
    )
    path = small_adapters.save(MAKERS["StyleCrafter"](base.denoiser), tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="weighs its layers by the words"):
        open_image_prompt(path, base).tokens([picture()])
