"""A base is checked once, when it is opened: each damage is one line, and what is mended is said."""

import inspect
import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import diffusers
import pytest
import torch
from diffusers import DDIMScheduler, EDMEulerScheduler, FlowMatchEulerDiscreteScheduler, PNDMScheduler
from safetensors.torch import load_file, save_file

import tiny
from impasto.core.errors import ConfigError, ImpastoError, ResourceError
from impasto.diffusion.prediction import Prediction
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.checks.schedule import override, schedule_of
from impasto.models.checks.single_file import read_checkpoint_header
from impasto.models.find_family import single_files
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_device, open_base
from impasto.models.samplers import _CLASSES, new_scheduler

Damage = Callable[[Path], object]


@pytest.fixture
def folder(tiny_folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the tiny SDXL base to damage."""
    return Path(shutil.copytree(tiny_folders["sdxl"], tmp_path / "base"))


def drawn(base: LatentDiffusion) -> torch.Tensor:
    ((_, picture),) = draw(base, [ImageRequest("a fox", 0)], SamplingParams(2, 5.0, 32, 32))
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)


def refusal(base: Path) -> str:
    with pytest.raises(ImpastoError) as refused:
        open_base(str(base), device="cpu")
    message = str(refused.value)
    assert re.fullmatch(rf"base {re.escape(str(base))}\b[^\n]+", message), message
    return message


def said(file: str, **changes: object) -> Damage:
    """Change a part's settings; None takes one away."""

    def damage(base: Path) -> None:
        path = base / file
        config = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))

    return damage


def scheduler(made: object) -> Damage:
    def damage(base: Path) -> None:
        shutil.rmtree(base / "scheduler")
        made.save_pretrained(base / "scheduler")
        said("model_index.json", scheduler=["diffusers", type(made).__name__])(base)

    return damage


def without(*files: str) -> Damage:
    def damage(base: Path) -> None:
        for file in files:
            path = base / file
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def weights_without(part: str, ending: str) -> Damage:
    def damage(base: Path) -> None:
        (path,) = (base / part).glob("*.safetensors")
        kept = {name: value for name, value in load_file(path).items() if not name.endswith(ending)}
        save_file(kept, path, metadata={"format": "pt"})

    return damage


def channels(count: int) -> Damage:
    def damage(base: Path) -> None:
        said("unet/config.json", in_channels=count)(base)
        path = base / "unet/diffusion_pytorch_model.safetensors"
        weights = load_file(path)
        weights["conv_in.weight"] = torch.zeros(16, count, 3, 3)
        save_file(weights, path, metadata={"format": "pt"})

    return damage


SCHEDULER, UNET, VAE = "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json"
REFUSED: dict[str, tuple[Damage, str]] = {
    "flow matching": (scheduler(FlowMatchEulerDiscreteScheduler()), "was trained by flow matching"),
    "flow sigmas": (said(SCHEDULER, use_flow_sigmas=True), "was trained by flow matching"),
    "EDM": (scheduler(EDMEulerScheduler()), "was trained with EDM preconditioning"),
    "unknown scheduler": (said(SCHEDULER, _class_name="MagicScheduler"), "MagicScheduler is unknown to diffusers"),
    "no betas": (said(SCHEDULER, beta_start=...), "does not say its noise levels: .* has no beta_start"),
    "no kind of betas": (said(SCHEDULER, beta_schedule=...), "has no beta_schedule"),
    "betas of another kind": (said(SCHEDULER, beta_start="x"), "scheduler says beta_start = 'x'"),
    "rising picture": (said(SCHEDULER, beta_start=-0.1), "beta_start = -0.1, beta_end = 0.012: needs 0 < beta_start"),
    "no timesteps": (said(SCHEDULER, num_train_timesteps=0), "num_train_timesteps = 0: needs 1 to 10000"),
    "other prediction": (said(SCHEDULER, prediction_type="sample"), "predicts 'sample', which is not supported"),
    "inpainting": (channels(9), "takes 9 channels, its autoencoder makes 4: it is an inpainting model"),
    "instruct": (channels(8), "takes 8 channels, .* is shown a picture"),
    "scaling": (said(VAE, scaling_factor=0), "vae says scaling_factor = 0"),
    "scaling in words": (said(VAE, scaling_factor="x"), "vae says scaling_factor = 'x'"),
    "statistics": (said(VAE, latents_mean=[0.0], latents_std=[1.0]), "latents_mean = .*: needs 4 numbers"),
    "shift": (said(VAE, shift_factor=0.5), "shift_factor = 0.5"),
    "size": (said(UNET, sample_size=10**9), "sample_size = 1000000000"),
    "switch": (said(UNET, flip_sin_to_cos="x"), "unet says flip_sin_to_cos = 'x': needs true or false"),
    "no tokenizer": (without("tokenizer"), "tokenizer/ has neither tokenizer.json nor vocab.json"),
    "no second tokenizer": (without("tokenizer_2"), "tokenizer_2/ has neither"),
    "no second text encoder": (without("text_encoder_2"), "text_encoder_2/config.json is missing"),
    "no autoencoder": (without("vae"), "vae/config.json is missing"),
    "no scheduler": (without("scheduler"), "scheduler/scheduler_config.json is missing"),
    "no weights": (without("unet/diffusion_pytorch_model.safetensors"), "unet/ holds no weights"),
    "a null part": (said("model_index.json", text_encoder=[None, None]), "has no text_encoder"),
    "another class": (said("model_index.json", vae=["diffusers", "AutoencoderTiny"]), "has a AutoencoderTiny as vae"),
    "a layer less, UNet": (weights_without("unet", "conv_in.weight"), "the weights of unet lack conv_in.weight"),
    "a layer less, words": (weights_without("text_encoder", "0.mlp.fc1.weight"), "weights of text_encoder lack .*fc1"),
    "a layer less, autoencoder": (weights_without("vae", "decoder.conv_in.bias"), "the weights of vae lack"),
    "small vocabulary": (
        said("text_encoder/config.json", vocab_size=100),
        "of text_encoder has another shape than its config.json says",
    ),
}


@pytest.mark.parametrize(("damage", "told"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(folder: Path, damage: Damage, told: str) -> None:
    damage(folder)
    assert re.search(told, refusal(folder))


def test_only_pickled_weights_are_named(folder: Path) -> None:
    (folder / "unet/diffusion_pytorch_model.safetensors").rename(folder / "unet/diffusion_pytorch_model.bin")
    assert "unet/ holds only diffusion_pytorch_model.bin, a pickle, which can run code" in refusal(folder)


def test_half_precision_files_are_used(folder: Path, sdxl: LatentDiffusion) -> None:
    for part, stem in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        (folder / part / f"{stem}.safetensors").rename(folder / part / f"{stem}.fp16.safetensors")
    assert torch.equal(drawn(open_base(str(folder), device="cpu")), drawn(sdxl))


def test_missing_safety_checker_does_not_matter(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_folders["sd15"], tmp_path / "base"))
    checker = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    said("model_index.json", safety_checker=checker, feature_extractor=["transformers", "CLIPImageProcessor"])(base)
    assert torch.equal(drawn(open_base(str(base))), drawn(open_base(str(tiny_folders["sd15"]))))


def test_tokenizer_that_does_not_say_its_length(folder: Path, sdxl: LatentDiffusion) -> None:
    for part in ("tokenizer", "tokenizer_2"):
        said(f"{part}/tokenizer_config.json", model_max_length=...)(folder)
    base = open_base(str(folder), device="cpu")
    assert {each.model_max_length for each in base.tokenizers().values()} == {tiny.TOKENS}
    assert base.notes[0].startswith(f"tokenizer does not say how many tokens are read: {tiny.TOKENS}")
    assert torch.equal(drawn(base), drawn(sdxl))


def test_words_that_are_no_text_are_refused(sdxl: LatentDiffusion) -> None:
    with pytest.raises(ConfigError, match="holds bytes that are no UTF-8"):
        sdxl.encode_prompts(["a fox", "caf\udce9"])


# Schedulers


def states_levels(name: str) -> bool:
    return {"beta_start", "beta_schedule", "prediction_type"} <= set(
        inspect.signature(getattr(diffusers.schedulers, name).__init__).parameters
    )


SCHEDULERS = [name for name in dir(diffusers.schedulers) if name.endswith("Scheduler") and states_levels(name)]


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_of_a_base_gives_every_sampler(sdxl: LatentDiffusion, name: str) -> None:
    """A folder may hold any of them; ours are made of its noise levels alone."""
    try:
        own = getattr(diffusers, name)(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    except ImportError:
        pytest.skip("needs a package that is not installed")
    levels = schedule_of(own, "it").alpha_bar
    for sampler in _CLASSES:
        made = new_scheduler(own, sampler)
        assert torch.equal(made.alphas_cumprod, levels)
        made.set_timesteps(5, device=torch.device("cpu"))
        sdxl.pipe.register_modules(scheduler=own)
        ((_, picture),) = draw(sdxl, [ImageRequest("a fox", 0)], SamplingParams(3, 5.0, 32, 32, sampler=sampler))
        assert picture.getextrema()


def test_there_are_schedulers_to_try() -> None:
    assert {"DEISMultistepScheduler", "PNDMScheduler", "UniPCMultistepScheduler"} <= set(SCHEDULERS)


@pytest.mark.parametrize("kind", [DDIMScheduler, PNDMScheduler])
def test_prediction_and_last_timestep_are_overridden(sdxl: LatentDiffusion, kind: type) -> None:
    sdxl.pipe.register_modules(scheduler=kind(**{k: v for k, v in tiny.LEVELS.items() if k != "clip_sample"}))
    before = schedule_of(sdxl.pipe.scheduler, "it").alpha_bar
    override(sdxl.pipe, "auto", "auto")
    assert type(sdxl.pipe.scheduler) is kind
    override(sdxl.pipe, "v", "yes")
    assert sdxl.pipe.scheduler.config.prediction_type == "v_prediction"
    after = schedule_of(sdxl.pipe.scheduler, "it").alpha_bar
    assert float(after[-1]) < 1e-6 < float(before[-1])
    override(sdxl.pipe, "epsilon", "no")
    assert torch.equal(schedule_of(sdxl.pipe.scheduler, "it").alpha_bar, before)


def test_options_reach_the_base(folder: Path) -> None:
    base = open_base(str(folder), device="cpu", prediction="v", zero_snr="yes")
    assert base.process.prediction is Prediction.V
    assert float(base.process.schedule.alpha_bar[-1]) < 1e-6


# Single files


def checkpoint(path: Path, names: dict[str, list[int]]) -> Path:
    save_file({name: torch.zeros(shape) for name, shape in names.items()}, path)
    return path


CONV = "model.diffusion_model.input_blocks.0.0.weight"


def test_marks_of_trainers_are_read(tmp_path: Path) -> None:
    names = {CONV: [320, 4, 3, 3], "conditioner.embedders.0.x": [1]}
    plain = read_checkpoint_header(checkpoint(tmp_path / "plain.safetensors", names), single_files())
    assert (plain.family, plain.predicts_v, plain.has_zero_snr) == ("sdxl", False, False)
    marked = read_checkpoint_header(
        checkpoint(tmp_path / "v.safetensors", {**names, "v_pred": [0], "ztsnr": [0]}), single_files()
    )
    assert (marked.predicts_v, marked.has_zero_snr) == (True, True)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({CONV: [320, 9, 3, 3], "cond_stage_model.x": [1]}, "takes 9 channels instead of 4"),
        ({"cond_stage_model.x": [1]}, "has no denoiser"),
        ({CONV: [320, 4, 3, 3]}, "is a checkpoint of no family that is known (sd15, sdxl)"),
    ],
)
def test_other_checkpoints_are_refused_from_their_header(
    tmp_path: Path, names: dict[str, list[int]], told: str
) -> None:
    assert told in refusal(checkpoint(tmp_path / "other.safetensors", names))


@pytest.mark.parametrize("content", [b"", b"\x10", struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 2) + b"[]"])
def test_damaged_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(content)
    assert "is not a safetensors file" in refusal(tmp_path / "damaged.safetensors")


def test_single_file_without_network_says_what_it_needs(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "one.safetensors", {CONV: [320, 4, 3, 3], "conditioner.embedders.0.x": [1]})
    assert "needs the configuration of stabilityai/stable-diffusion-xl-base-1.0" in refusal(path)


def test_marked_checkpoint_is_opened_as_marked(
    tmp_path: Path, sdxl: LatentDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {CONV: [320, 4, 3, 3], "conditioner.embedders.0.x": [1], "v_pred": [0], "ztsnr": [0]}
    path = checkpoint(tmp_path / "v.safetensors", names)
    monkeypatch.setattr(type(sdxl).pipeline_class, "from_single_file", lambda *_, **__: sdxl.pipe)
    base = open_base(str(path), device="cpu")
    assert base.process.prediction is Prediction.V
    assert float(base.process.schedule.alpha_bar[-1]) < 1e-6
    assert [note.split(":")[0] for note in base.notes] == [
        "the checkpoint is marked v_pred",
        "the checkpoint is marked ztsnr",
    ]
    assert (
        open_base(str(path), device="cpu", prediction="epsilon", zero_snr="no").process.prediction is Prediction.EPSILON
    )


@pytest.mark.parametrize(
    ("name", "told"), [("cuda:2", "has 2 CUDA devices, counted from 0"), ("mps", "no Apple GPU"), ("gpu", "is unknown")]
)
def test_a_device_that_is_not_there_is_told_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises((ConfigError, ResourceError), match=f"^device '{name}' .*{told}"):
        choose_device(name)
