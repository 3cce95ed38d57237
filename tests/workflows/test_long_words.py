"""Captions and prompts longer than the text encoder reads: no style word is lost, and everything says what was read."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from image_prompts import image, projections
from impasto.cli.main import main
from impasto.core.errors import ConfigError
from impasto.core.events import Event, Planned
from impasto.diffusion.branches import TEXT, UNCONDITIONAL
from impasto.generation.draw import draw
from impasto.generation.prompts import Words
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.methods import find_method
from impasto.style.file import load_style
from impasto.training.options import TrainOptions
from impasto.training.train import train

CASES = Path(__file__).parents[1] / "cases"
LONG = (CASES / "long-caption.txt").read_text("utf-8").strip()
LENGTHS = [24, 32, 77]
"""Tokens that text encoders read, start and end included; pocket's were 32, the published ones' are 77."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Tiny SDXL bases by how many tokens they read."""
    root = tmp_path_factory.mktemp("lengths")
    found = {}
    for length in LENGTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tiny, "TOKENS", length)
            tiny.seeded()
            found[length] = tiny.save(tiny.sdxl(), root / str(length))
    return found


@pytest.fixture(params=LENGTHS)
def folder(request: pytest.FixtureRequest, folders: dict[int, Path]) -> Path:
    return folders[request.param]


@pytest.fixture
def pictures(style_images: Path) -> Path:
    """Style pictures that all have the long caption."""
    for path in style_images.glob("*.txt"):
        shutil.copy(CASES / "long-caption.txt", path)
    return style_images


def learn(base: Path, pictures: Path, out: Path, method: str, **settings: object) -> list[Event]:
    found = find_method(method)
    options = TrainOptions(
        base=str(base),
        style_images=str(pictures),
        out=out,
        captions=True,
        steps=2,
        learning_rate=1e-2,
        sample_every=0,
        run_dir=out.with_suffix(".run"),
    )
    with closing(train(options, found(found.Config(**settings)))) as events:
        return list(events)


def notes(events: list[Event]) -> str:
    return " ".join(note for event in events if isinstance(event, Planned) for note in event.notes)


def test_trainings_with_different_identifiers_differ(folder: Path, pictures: Path, tmp_path: Path) -> None:
    learnt = []
    for identifier in ("zwx", "ukj"):
        out = tmp_path / f"{identifier}.safetensors"
        told = notes(learn(folder, pictures, out, "lora", identifier=identifier, learn_text=True, rank=2))
        assert f"4 of 4 captions are longer than the {int(folder.name) - 2} tokens" in told
        assert "shortened by" in told
        learnt.append(load_style(out).tensors)
    assert any(not torch.equal(learnt[0][name], learnt[1][name]) for name in learnt[0])


def test_the_gradient_reaches_a_new_word(folder: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "word.safetensors"
    learn(folder, pictures, out, "textual_inversion", training_prompt="{v}", num_vectors=4)
    base = open_base(str(folder))
    row = base.networks()["text_encoder"].get_input_embeddings().weight
    like = base.tokenizers()["text_encoder"].encode("style", add_special_tokens=False)
    start = row[like].mean(dim=0)
    learnt = load_style(out).tensors["new_token.text_encoder.<zwx>"]
    assert len(learnt) == 4
    assert ((learnt - start).norm(dim=1) > 1e-3).all()  # every row, also the last


def test_words_that_are_too_long_by_themselves_are_refused(folder: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"are longer than the \d+ tokens that this base reads at once"):
        learn(folder, pictures, tmp_path / "x.safetensors", "lora", identifier="x" * 80)
    if int(folder.name) < 36:
        with pytest.raises(ConfigError, match="lower --num-vectors"):
            learn(folder, pictures, tmp_path / "y.safetensors", "textual_inversion", num_vectors=32)


def test_short_captions_are_not_mentioned(folders: dict[int, Path], style_images: Path, tmp_path: Path) -> None:
    told = notes(learn(folders[77], style_images, tmp_path / "x.safetensors", "lora"))
    assert "longer" not in told


@torch.no_grad()
def test_long_prompts_are_read_to_their_last_word(folder: Path) -> None:
    base = open_base(str(folder))
    one, other = base.encode_prompts([f"{LONG[:200]}, zwx style"]), base.encode_prompts([f"{LONG[:200]}, ukj style"])
    assert one.states.shape[1] % int(folder.name) == 0
    assert one.states.shape[1] > int(folder.name)
    assert not torch.equal(one.states, other.states)
    assert not torch.equal(one.pooled, other.pooled)


@torch.no_grad()
def test_each_window_is_what_its_words_alone_are(folder: Path) -> None:
    base = open_base(str(folder))
    prompt = LONG[:150]
    windows = [base.encode_prompts([part]) for part in base.windows(prompt)]
    whole = base.encode_prompts([prompt])
    torch.testing.assert_close(whole.states, torch.cat([each.states for each in windows], dim=1))
    torch.testing.assert_close(whole.pooled, torch.cat([each.pooled for each in windows]).mean(dim=0, keepdim=True))
    short = base.encode_prompts([prompt, "fox"]).states[1:]
    nothing = base.encode_prompts([""]).states
    torch.testing.assert_close(
        short, torch.cat([base.encode_prompts(["fox"]).states, *[nothing] * (len(windows) - 1)], 1)
    )


def pictures_of(base: LatentDiffusion, requests: list[ImageRequest], **changes: object) -> list[np.ndarray]:
    look = SamplingParams(**{"steps": 2, "guidance_scale": 3.0, "height": 32, "width": 32, "batch": 3} | changes)
    return [np.asarray(image, dtype=int) for _, image in draw(base, requests, look)]


def test_a_picture_does_not_depend_on_how_long_the_prompts_beside_it_are(folders: dict[int, Path]) -> None:
    base = open_base(str(folders[24]))
    requests = [
        ImageRequest("a fox", 0),
        ImageRequest(LONG[:100], 1),
        ImageRequest("a hut", 2),
        ImageRequest(LONG[:60], 3),
    ]
    together = pictures_of(base, requests)
    for request, expected in zip(requests, together, strict=True):
        (alone,) = pictures_of(base, [request])
        assert np.abs(alone - expected).max() <= 1


def test_a_long_negative_prompt_is_read_to_its_end(folders: dict[int, Path]) -> None:
    base, request = open_base(str(folders[24])), [ImageRequest("a fox", 0)]
    (one,) = pictures_of(base, request, negative_prompt=f"{LONG[:60]}, blurry", guidance_scale=30.0)
    (other,) = pictures_of(base, request, negative_prompt=f"{LONG[:60]}, grey!!", guidance_scale=30.0)
    assert np.abs(one - other).max() > 0


def test_branches_have_equally_many_windows(folders: dict[int, Path]) -> None:
    base = open_base(str(folders[24]))
    block = "up_blocks.0.attentions.0"
    words = Words(base, SamplingParams(1, 3.0, 32, 32))
    told = words.branches([ImageRequest("fox", 0, per_block={block: LONG[:100]}), ImageRequest("hut", 1)])
    lengths = {each.states.shape[1] for each in told.values()} | {told[TEXT].per_block[block].shape[1]}
    assert lengths == {24 * len(base.windows(LONG[:100]))}
    assert not told[UNCONDITIONAL].states.any()  # as this base was trained: zeros


def test_each_row_of_a_batch_is_lengthened_with_what_it_says_already(folders: dict[int, Path]) -> None:
    """Zeros stay zeros beside a picture with style pictures, whose empty prompt is encoded."""
    base = open_base(str(folders[24]))
    adapter = projections(base)
    styled = ImageRequest(LONG[:100], 1, images=(image(base, adapter, 1),))
    words = Words(base, SamplingParams(1, 3.0, 32, 32))
    states = words.branches([ImageRequest(LONG[:100], 0), styled])[UNCONDITIONAL].states
    windows = len(base.windows(LONG[:100]))
    assert windows > 1
    assert not states[0].any()
    assert torch.equal(states[1], base.encode_prompts([""]).states[0].repeat(windows, 1))


@pytest.mark.parametrize("command", ["generate", "mix", "stylize", "transfer"])
def test_commands_draw_with_the_words_of_the_style_and_say_so(
    command: str, folders: dict[int, Path], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, prompt = folders[24], LONG[:90]
    drawn: dict[str, np.ndarray] = {}
    for words in ("", ", zwx style"):
        out = tmp_path / f"{command}{len(words)}"
        flags = ["--base", str(base), "--prompt", prompt + words, "--steps", "2", "--out", str(out)]
        if command == "mix":
            code = _mix(flags, pictures, tmp_path, base)
        else:
            picture = str(pictures / "0.png")
            more = {"generate": [], "stylize": [picture], "transfer": [picture, "--control", "style-aligned"]}
            code = main([command, *more[command], *flags])
        told = capsys.readouterr()
        assert code == 0, told.err
        assert "longer than the 22 tokens that this base reads at once" in " ".join(told.out.split())
        (sidecar,) = out.glob("*.json")
        facts = json.loads(sidecar.read_text("utf-8"))
        assert "".join(facts["prompt_windows"]).replace(" ", "") == (prompt + words).replace(" ", "")
        drawn[words] = np.asarray(Image.open(sidecar.with_suffix(".png")), dtype=int)
    assert np.abs(drawn[""] - drawn[", zwx style"]).max() > 0


def _mix(flags: list[str], pictures: Path, tmp_path: Path, base: Path) -> int:
    style = tmp_path / "mixed.safetensors"
    if not style.exists():
        (tmp_path / "plain").mkdir()
        shutil.copy(pictures / "0.png", tmp_path / "plain")
        roles = tmp_path / "roles.json"
        blocks = {"content": ["up_blocks.0.attentions.0"], "style": ["up_blocks.0.attentions.1"]}
        roles.write_text(json.dumps({"roles": blocks}))
        method = find_method("b_lora")
        options = TrainOptions(base=str(base), style_images=str(tmp_path / "plain"), out=style, steps=1, sample_every=0)
        with closing(train(options, method(method.Config(rank=2, roles_file=roles)))) as events:
            list(events)
    return main(["mix", *flags, "--style", str(style)])
