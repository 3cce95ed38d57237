"""Whatever a user gets wrong: exit code 2, one line that names the culprit, and nothing that existed is lost."""

import errno
import json
import os
import pickle  # noqa: TID251 - to make what must be refused
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.cli.main import main
from impasto.core.errors import ResourceError
from impasto.core.events import Event, Saved, TrainStep
from impasto.generation import text_to_image as generate_workflow
from impasto.methods import styleforge
from impasto.style import file as style_file
from impasto.style.file import load_style, read_card
from impasto.training.options import TrainOptions
from impasto.training.run_folder import RunFolder
from impasto.training.train import train

Refuse = Callable[..., str]
LORA = ("--learn", "lora", "--rank", "2", "--learning-rate", "1e-2", "--sample-every", "0")


def contents(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def folder(tmp_path: Path, style_images: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: holds `style-pictures`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run a command that must fail; returns what it says."""

    def command(*arguments: object) -> str:
        before = contents(folder)
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr().err
        assert code == 2
        assert re.fullmatch(r"impasto: [^\n]+\n", told), told
        after = contents(folder)
        assert {name: after.get(name) for name in before} == before
        return told.removeprefix("impasto: ").removesuffix("\n")

    return command


@pytest.fixture
def training(tiny_folders: dict[str, Path]) -> tuple[object, ...]:
    """Arguments of a sound training of four steps; later ones win."""
    base = ("train", "styleforge", "--base", tiny_folders["sdxl"], "--style-images", "style-pictures")
    return (*base, *LORA, "--steps", 4, "--out", "fox.safetensors", "--run-dir", "run")


@pytest.fixture(scope="module")
def style(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style of the tiny SDXL base."""
    folder = tmp_path_factory.mktemp("style")
    (folder / "pictures").mkdir()
    for index in range(3):
        Image.new("RGB", (32, 32), (80 * index, 20, 200)).save(folder / "pictures" / f"{index}.png")
    base = ("train", "styleforge", "--base", tiny_folders["sdxl"], "--style-images", folder / "pictures")
    flags = (*base, *LORA, "--steps", 1, "--out", folder / "fox.safetensors", "--run-dir", folder / "run")
    assert main([str(flag) for flag in flags]) == 0
    return folder / "fox.safetensors"


@pytest.fixture
def drawing(tiny_folders: dict[str, Path]) -> tuple[object, ...]:
    """Arguments of a sound drawing."""
    return ("generate", "--base", tiny_folders["sdxl"], "--prompt", "a fox", "--steps", 2)


def test_scale_that_overflows_draws_nothing(
    refused: Refuse, drawing: tuple[object, ...], style: Path, folder: Path
) -> None:
    told = refused(*drawing, "--style", f"{style}:1e30", "--out", "pictures")
    assert "is not finite (numbers overflowed): lower the scales of styles" in told
    assert not list((folder / "pictures").glob("*.png"))


# Commands and options


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["paint"], "unknown command 'paint': did you mean train? choose one of demo, "),
        (
            ["train", "cubism"],
            "unknown method 'cubism': choose one of b_lora, custom_diffusion, dreambooth",
        ),
        (
            ["generate", "a fox"],
            "a fox stands without an option's name: write --prompt 'a fox'; see impasto generate --help",
        ),
        (["demo", "mine"], "mine stands without an option's name: options have names; see impasto demo --help"),
        (
            ["train", "--style-images", "mine"],
            "impasto train --style-images: the method comes first, as in impasto train styleforge --style-images ...; ",
        ),
        (["styles", "nowhere"], "nowhere does not exist: give a folder or a style file"),
        (["train", "styleforge", "--config"], "--config needs a TOML file after it"),
        (["train", "styleforge", "--config", "none.toml"], "config file none.toml does not exist"),
        (
            ["demo", "--pack", "cubism"],
            "pack 'cubism' is not shipped: choose one of emojione-v1, fluent-emoji-high-contrast, openmoji",
        ),
        (["extract", "none.safetensors", "--out", "x.safetensors"], "style file none.safetensors does not exist"),
        (["extract", "x.safetensors", "--out", "x.bin"], "--out x.bin must end in .safetensors"),
        (["extract", "x.safetensors", "--out", "style-pictures"], "--out style-pictures is a folder: name a file"),
        (["extract", "x.safetensors"], "--out"),
        (["generate", "--promt", "a fox"], "unknown option --promt: did you mean --prompt?"),
        (["generate", "--prompt", "a fox", "--steps", "few"], "--steps: invalid literal for int()"),
        (["generate", "--prompt", "a fox", "--steps", "0"], "generate: steps = 0: input should be greater than"),
        (["generate", "--prompt", "a fox", "--sampler", "magic"], "--sampler"),
        (
            ["generate", "--prompt", "a fox", "--guidance-scale", "nan"],
            "guidance_scale = nan: input should be a finite",
        ),
        (["generate"], "prompt"),
        (["generate", "--prompt", "a fox", "--base", "a" * 5000], "aaa' was not found: use 'pocket'"),
        (["stylize", "a" * 5000, "--prompt", "a fox"], "aaa does not exist: name a picture file"),
        (["styles", "a" * 5000], "cannot use aaa"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_line(refused: Refuse, arguments: list[str], told: str) -> None:
    assert told in refused(*arguments)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--unknown", "3"], "unknown option --unknown"),
        (["--out", "fox.ckpt"], "out = 'fox.ckpt': must end in .safetensors, for example fox.safetensors"),
        (["--out", "folder.safetensors"], "--out folder.safetensors is a folder: name a file in it"),
        (["--out", "style-pictures/0.png/fox.safetensors"], "style-pictures/0.png is a file, not a folder"),
        (
            ["--aux", "generate", "--aux-images", "a"],
            "--aux generate and --aux-images a contradict each other: give one",
        ),
        (["--aux", "none", "--aux-images", "a"], "--aux none and --aux-images a contradict each other: give one"),
        (["--style-images", "a" * 5000], "aaa does not exist: give a folder of pictures"),
        (["--style-images", "none"], "--style-images none does not exist: give a folder of pictures"),
        (["--aux-images", "style-pictures/0.txt"], "style-pictures/0.txt is not a picture, whatever its name says"),
        (["--style-images", "folder.safetensors"], "--style-images folder.safetensors holds no picture: put files"),
        (
            ["--style-images", "pack:cubism"],
            "pack 'cubism' is not shipped: choose one of emojione-v1, fluent-emoji-high-contrast, openmoji",
        ),
        (["--num-aux", "3"], "--num-aux 3 has no effect without --aux generate: leave it out"),
        (["--prior-weight", "0", "--aux-images", "style-pictures"], "no effect with --prior-weight 0: leave them out"),
        (["--learn", "full"], "rank has no effect with --learn full: leave it out, or use --learn lora"),
        (["--resolution", "33"], "picture size 33x33 does not fit this base: both sides must be multiples of 2"),
        (["--identifier", "two words"], "identifier = 'two words': string should match pattern"),
        (["--new-token", "--identifier", "a"], "new token 'a' is already a token of this base: choose another word"),
        (["--rank", "33"], "use at most 32"),
        (["--seed", "-1"], "seed = -1: input should be greater than or equal to 0"),
        (["--learning-rate", "inf"], "learning_rate = inf: input should be a finite number"),
        (["--device", "abacus"], "device 'abacus' is unknown: use auto, cpu, cuda"),
        (
            ["--run-dir", "style-pictures/0.png"],
            "run_dir = 'style-pictures/0.png': is the name of a file, and a folder is written: leave out .png",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_training_options(
    refused: Refuse, training: tuple[object, ...], folder: Path, flags: list[str], told: str
) -> None:
    (folder / "folder.safetensors").mkdir()
    assert told in refused(*training, *flags)
    assert not (folder / "fox.safetensors").exists()
    assert not (folder / "run").exists()


def test_rank_larger_than_a_layer_names_the_layer(refused: Refuse, training: tuple[object, ...]) -> None:
    told = refused(*training, "--rank", 17, "--learn-text")
    assert re.search(r"rank = 17 is larger than the layer text_encoder\.\S+ \(16 x 16\): use at most 16", told)


def test_run_folder_that_holds_a_run(refused: Refuse, training: tuple[object, ...], folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run/run.json").write_text("{}")
    assert "--run-dir run holds a run already: choose another folder" in refused(*training)


def test_damaged_picture_is_named(refused: Refuse, training: tuple[object, ...], folder: Path) -> None:
    path = folder / "style-pictures/2.png"
    path.write_bytes(path.read_bytes()[:-40])
    assert "style-pictures/2.png is truncated or damaged" in refused(*training)


def test_config_file_is_named(refused: Refuse, training: tuple[object, ...], folder: Path) -> None:
    (folder / "mine.toml").write_text("stepz = 4")
    assert "mine.toml: unknown option 'stepz'; known: accumulate, alpha, attach," in refused(
        *training, "--config", "mine.toml"
    )
    (folder / "mine.toml").write_text("batch_size = 'two'")
    assert "mine.toml: batch_size = 'two': input should be a valid integer" in refused(
        *training, "--config", "mine.toml"
    )


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--height", "33"], "picture size 33x32 does not fit this base: both sides must be multiples of 2"),
        (["--width", "4"], "width = 4: input should be greater than or equal to 8"),
        (["--out", "two.png", "--num-images", "2"], "--out two.png is one file, but 2 pictures are asked for"),
        (["--out", "style-pictures/0.txt"], "--out style-pictures/0.txt is a file that does not end in .png"),
        (["--out", "style-pictures/0.txt/x.png"], "cannot write style-pictures/0.txt/x.png"),
        (["--style", "none.safetensors"], "style file none.safetensors does not exist"),
        (["--style", "none.safetensors:0.5"], "style file none.safetensors does not exist"),
        (["--style", "style-pictures"], "style file style-pictures is a folder"),
        (["--style", "style-pictures/0.png"], "style file style-pictures/0.png is not a safetensors file"),
        (
            ["--style", "fox.safetensors:abc"],
            "--style fox.safetensors:abc: 'abc' is no number; write FILE, FILE:SCALE or",
        ),
        (
            ["--style", "fox.safetensors:nan"],
            "--style fox.safetensors:nan: 'nan' is no number; write FILE, FILE:SCALE or",
        ),
        (["--style", "fox.safetensors:"], "--style fox.safetensors:: '' is no number; write FILE, FILE:SCALE or"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_drawing_options(refused: Refuse, drawing: tuple[object, ...], flags: list[str], told: str) -> None:
    assert told in refused(*drawing, *flags)


@pytest.mark.parametrize(
    ("picture", "flags", "told"),
    [
        ("none.png", [], "picture none.png does not exist: name a picture file"),
        ("style-pictures", [], "picture style-pictures is a folder: name a picture file"),
        ("style-pictures/0.txt", [], "style-pictures/0.txt is not a picture, whatever its name says"),
        ("style-pictures/0.png", ["--strength", "0.1"], "--strength 0.1 of 4 steps is none: use at least 0.25"),
        ("style-pictures/0.png", ["--strength", "1.5"], "strength = 1.5: input should be less than or equal to 1"),
    ],
)
def test_stylizing_options(
    refused: Refuse, tiny_folders: dict[str, Path], picture: str, flags: list[str], told: str
) -> None:
    assert told in refused("stylize", picture, "--base", tiny_folders["sdxl"], "--steps", 4, *flags)


# Bases


def test_base_that_is_nowhere(refused: Refuse) -> None:
    told = refused("generate", "--prompt", "a fox", "--base", "nowhere")
    assert "base 'nowhere' was not found: use 'pocket', a diffusers folder" in told
    told = refused("train", "styleforge", "--base", "none.safetensors", "--style-images", "x", "--out", "x.safetensors")
    assert "base 'none.safetensors' was not found" in told


def test_hub_name_that_cannot_be_fetched(refused: Refuse) -> None:
    told = refused("generate", "--prompt", "a fox", "--base", "nobody/nothing")
    assert "base nobody/nothing could not be fetched from the hub" in told
    assert "give a local folder or checkpoint" in told


def test_folder_that_is_no_base(refused: Refuse) -> None:
    told = refused("generate", "--prompt", "a fox", "--base", "style-pictures")
    assert told == "base style-pictures is no diffusers folder: it has no model_index.json"


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (b"{", "base copy is damaged (its model_index.json is not JSON): download it again"),
        (b"\xff\xfe", "base copy is damaged (its model_index.json is not JSON): download it again"),
        (b"[]", "base copy is a model without _class_name: supported are StableDiffusionPipeline"),
        (b'{"_class_name": "FluxPipeline"}', "base copy is a FluxPipeline: supported are StableDiffusionPipeline"),
    ],
    ids=["cut", "bytes", "list", "family"],
)
def test_base_with_another_index(refused: Refuse, folder: Path, index: bytes, told: str) -> None:
    (folder / "copy").mkdir()
    (folder / "copy/model_index.json").write_bytes(index)
    assert told in refused("generate", "--prompt", "a fox", "--base", "copy")


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model", "text_encoder/model", "vae/diffusion_pytorch_model"])
def test_base_with_cut_weights(refused: Refuse, tiny_folders: dict[str, Path], folder: Path, part: str) -> None:
    shutil.copytree(tiny_folders["sdxl"], folder / "copy")
    weights = folder / "copy" / f"{part}.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "base copy could not be loaded: " in refused("generate", "--prompt", "a fox", "--base", "copy")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "old.ckpt",
            b"\x80\x02}q\x00.",
            "base old.ckpt may be a pickle, which can run code: convert it to .safetensors",
        ),
        ("new.safetensors", b"", "base new.safetensors is not a safetensors file: its header is damaged"),
        ("new.safetensors", b"PK\x03\x04abcdefgh", "base new.safetensors is not a safetensors file"),
        (
            "new.safetensors",
            b"\x02" + b"\0" * 7 + b"{}",
            "base new.safetensors is a checkpoint of no family that is known",
        ),
    ],
    ids=["ckpt", "empty", "zip", "other"],
)
def test_checkpoint_that_is_no_base(refused: Refuse, folder: Path, name: str, content: bytes, told: str) -> None:
    (folder / name).write_bytes(content)
    assert told in refused("generate", "--prompt", "a fox", "--base", name)


# Styles


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            "sdxl-v",
            "was trained for base sdxl with other weights than this one: use that base, or train the style again",
        ),
        ("sd15", "was trained for a base of family sdxl (sdxl), this base is sd15: use --base sdxl"),
    ],
)
def test_style_of_another_base(
    refused: Refuse, tiny_folders: dict[str, Path], style: Path, folder: Path, other: str, told: str
) -> None:
    flags = ("--base", tiny_folders[other], "--prompt", "a fox", "--style", f"{style}:0.5")
    assert refused("generate", *flags) == f"style {style} {told}"
    assert refused("generate", *flags, "--dry-run") == f"style {style} {told}"
    assert not (folder / "pictures").exists()


def test_style_that_is_a_pickle(refused: Refuse, drawing: tuple[object, ...], folder: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(folder / "harmed"),)

    (folder / "evil.safetensors").write_bytes(pickle.dumps(Harm()))
    for command in ([*drawing, "--style", "evil.safetensors"], ["styles", "evil.safetensors"]):
        assert "style file evil.safetensors is a pickle, which can run code when read" in refused(*command)
    assert not (folder / "harmed").exists()


def test_style_cut_off(refused: Refuse, drawing: tuple[object, ...], folder: Path, style: Path) -> None:
    (folder / "cut.safetensors").write_bytes(style.read_bytes()[:-8])
    assert "style file cut.safetensors is damaged" in refused(*drawing, "--style", "cut.safetensors")


def test_style_of_another_shape_is_named(
    refused: Refuse, drawing: tuple[object, ...], folder: Path, style: Path
) -> None:
    loaded = load_style(style)
    name = next(name for name in loaded.tensors if name.endswith("attn2.to_k.lora_A.weight"))
    narrow = {key: value[:, :-1].contiguous() if key == name else value for key, value in loaded.tensors.items()}
    style_file.save_style(folder / "narrow.safetensors", replace(loaded, tensors=narrow))
    told = refused(*drawing, "--style", "narrow.safetensors")
    assert told.startswith("style narrow.safetensors changes unet.")
    assert "this base has" in told


def test_low_rank_style_cannot_be_extracted(refused: Refuse, folder: Path, style: Path) -> None:
    told = refused("extract", style, "--out", "small.safetensors")
    assert told == f"style file {style} is of kind lora already: extract needs a full one"
    assert not (folder / "small.safetensors").exists()


def test_the_same_new_token_twice(refused: Refuse, training: tuple[object, ...], drawing: tuple[object, ...]) -> None:
    assert main([str(flag) for flag in (*training, "--steps", 1, "--new-token")]) == 0
    told = refused(*drawing, "--style", "fox.safetensors", "--style", "fox.safetensors:0.5")
    assert "two styles bring the same new token 'zwx': attach one of them at a time" in told


# In the middle of a run


@pytest.mark.parametrize("more", [(), ("--ema", 0.9)], ids=["plain", "averaged"])
def test_loss_that_is_no_number(
    refused: Refuse, training: tuple[object, ...], folder: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[object]
) -> None:
    training = (*training, *more)
    assert main([str(flag) for flag in (*training, "--steps", 2, "--out", "two.safetensors", "--run-dir", "two")]) == 0
    loss, calls = styleforge.StyleForge.loss, []

    def diverging(*arguments: object) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        calls.append(1)
        total, terms = loss(*arguments)
        return total * (float("nan") if len(calls) == 3 else 1), terms

    monkeypatch.setattr(styleforge.StyleForge, "loss", diverging)
    told = refused(*training)
    assert re.search(r"the loss stopped being a number at step 3 \(pictures: [0-3]\.png\)", told)
    assert "the weights of step 2 are in fox.safetensors: lower --learning-rate (now 0.01)" in told
    saved, expected = load_style(folder / "fox.safetensors"), load_style(folder / "two.safetensors")
    assert (saved.card.steps, saved.card.is_complete) == (2, False)
    assert saved.tensors.keys() == expected.tensors.keys()
    assert all(torch.equal(tensor, expected.tensors[name]) for name, tensor in saved.tensors.items())
    assert json.loads((folder / "run/run.json").read_text("utf-8"))["outcome"] == "failed"


def fill_disk(monkeypatch: pytest.MonkeyPatch, is_full: Callable[[Path], bool]) -> None:
    save_file = style_file.save_file

    def save(tensors: object, staging: Path, **more: object) -> None:
        if is_full(staging):
            staging.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save_file(tensors, staging, **more)

    monkeypatch.setattr(style_file, "save_file", save)


def test_full_disk_while_saving(
    refused: Refuse, training: tuple[object, ...], folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(style, folder / "fox.safetensors")
    fill_disk(monkeypatch, lambda staging: staging.parent == Path())
    told = refused(*training, "--overwrite")  # compares fox.safetensors before and after
    assert "cannot write fox.safetensors: no space left on the disk, free some and repeat" in told
    assert "the style is in run/style.safetensors instead" in told
    assert read_card(folder / "fox.safetensors").steps == 1
    spare = load_style(folder / "run/style.safetensors")
    assert (spare.card.steps, spare.card.is_complete) == (4, True)
    assert not list(folder.rglob("*.part"))


def test_full_disk_everywhere(
    refused: Refuse, training: tuple[object, ...], folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(style, folder / "fox.safetensors")
    fill_disk(monkeypatch, lambda staging: True)
    assert "no space left on the disk, free some and repeat" in refused(*training, "--overwrite")
    assert not list(folder.rglob("*.part"))


def test_full_disk_while_drawing(
    refused: Refuse, drawing: tuple[object, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_: Image.Image, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", fill)
    assert "cannot write pictures/0000-seed0.png: no space left on the disk" in refused(*drawing)
    assert list((folder / "pictures").iterdir()) == []


def test_log_that_cannot_be_written(refused: Refuse, training: tuple[object, ...], folder: Path) -> None:
    (folder / "run/events.jsonl").mkdir(parents=True)
    assert "cannot write run/events.jsonl: is a directory" in refused(*training)


def test_a_style_that_only_the_run_folder_could_take_is_named(
    refused: Refuse, training: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunFolder.log

    def full(self: RunFolder, event: Event) -> None:
        if isinstance(event, TrainStep) and event.step == 3:
            raise ResourceError("cannot write run/events.jsonl: no space left on device")
        log(self, event)

    monkeypatch.setattr(RunFolder, "log", full)
    fill_disk(monkeypatch, lambda staging: staging.parent == Path())
    assert "no space left on device; the style of step 3 is in run/style.safetensors" in refused(*training)


# Stopping


def test_stop_saves_what_was_learnt(tiny_folders: dict[str, Path], folder: Path) -> None:
    options = TrainOptions(
        base=str(tiny_folders["sdxl"]),
        style_images="style-pictures",
        out=folder / "fox.safetensors",
        steps=50,
        sample_every=0,
        run_dir=folder / "run",
    )
    done: list[TrainStep] = []
    method = styleforge.StyleForge(styleforge.StyleForgeSettings(learn="lora", rank=2))
    with closing(train(options, method, stop=lambda: len(done) == 2)) as stream:
        for event in stream:
            if isinstance(event, TrainStep):
                done.append(event)
    assert event == Saved(options.out, 2, is_complete=False)
    card = load_style(options.out).card
    assert (card.steps, card.is_complete) == (2, False)
    assert json.loads((folder / "run/run.json").read_text("utf-8"))["outcome"] == "stopped after step 2"


def test_interrupt_before_the_first_step(
    drawing: tuple[object, ...], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(generate_workflow, "open_base", interrupt)
    assert main([str(flag) for flag in drawing]) == 130
    assert capsys.readouterr().err == "\nimpasto: interrupted; nothing that existed before was changed\n"
    assert not (folder / "pictures").exists()


def wait_for_steps(events: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not events.is_file() or events.read_text("utf-8").count('"TrainStep"') < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process there")
def test_one_ctrl_c_in_a_real_process_finishes_the_step_and_saves(training: tuple[object, ...], folder: Path) -> None:
    command = [sys.executable, "-m", "impasto", *map(str, training), "--steps", "1000000"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_for_steps(folder / "run/events.jsonl", 2, process)  # by the second one, the first was handled
            process.send_signal(signal.SIGINT)
            printed, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert told == "\nimpasto: finishing this step and saving; once more stops at once\n"
    assert "(stopped early)" in printed
    card = load_style(folder / "fox.safetensors").card
    assert 2 <= card.steps < 1_000_000
    assert not card.is_complete
    assert json.loads((folder / "run/run.json").read_text("utf-8"))["outcome"] == f"stopped after step {card.steps}"
