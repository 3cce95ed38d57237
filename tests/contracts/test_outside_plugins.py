"""Plug-ins of another package are used like the shipped ones, and refused in one line where they cannot be."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image

import impasto
from impasto.cli.commands.transfer import read_options
from impasto.cli.main import main
from impasto.core.errors import PluginError
from impasto.core.plugins import load_module, plugin_names
from impasto.evaluation.feature_sets import measure_all
from impasto.features._open import open_features
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics._protocol import FeatureSets
from impasto.models.find_family import find_family
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base, wrap_pipeline
from impasto.registry.controls import find_control
from impasto.registry.methods import find_method
from impasto.style.file import load_style
from toy_package import FILES, OFFERS, install

Installs = Callable[..., None]


@pytest.fixture
def installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installs]:
    """Install packages in a folder of their own, which is gone from the search path afterwards."""
    before = set(sys.modules)

    def do(name: str = "toy", **given: Mapping[str, object]) -> None:
        site = tmp_path / f"site-{name}"
        install(site, name, **given)
        monkeypatch.syspath_prepend(site)

    yield do
    for module in set(sys.modules) - before:
        if module.partition(".")[0] in {"toy", "other"}:
            del sys.modules[module]


@pytest.fixture
def toy(installing: Installs) -> None:
    installing()


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(list(map(str, arguments))) == 2
    error = capsys.readouterr().err
    assert error.startswith("impasto: ")
    assert error.count("\n") == 1
    return error


def test_nothing_is_found_without_a_package() -> None:
    for kind, modules in OFFERS.items():
        package = {"commands": "impasto.cli.commands", "families": "impasto.models.families"}.get(
            kind, f"impasto.{kind}"
        )
        assert not set(modules) & set(plugin_names(package))


@pytest.mark.usefixtures("toy")
def test_method_trains_from_the_command_line(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "toy.safetensors"
    flags = (
        "--base",
        tiny_folders["sdxl"],
        "--style-images",
        style_images,
        "--out",
        out,
        "--run-dir",
        tmp_path / "run",
    )
    given = ("--steps", 2, "--toy-rank", 3, "--sample-every", 0, "--learning-rate", "0.01")
    assert main(["train", "toy-lora", *map(str, (*flags, *given))]) == 0
    style = load_style(out)
    assert (style.card.method, style.card.style_words, style.card.config["toy_rank"]) == ("toy_lora", "toy style", 3)
    assert any(bool(tensor.any()) for name, tensor in style.tensors.items() if "lora_B" in name)
    assert main(["train"]) == 0
    assert "toy-lora" in capsys.readouterr().out
    assert impasto.ToyLoRA is find_method("toy-lora")


@pytest.mark.usefixtures("toy")
def test_control_draws(sdxl: LatentDiffusion) -> None:
    options, control = read_options(["a.png", "--prompt", "a fox", "--control", "toy_control", "--toy-share", "0.25"])
    assert options.prompt == ("a fox",)
    assert control.settings.toy_share == 0.25
    params, requests = SamplingParams(2, 1.0, 32, 32), [ImageRequest("a fox", 0)]
    pictures = [
        next(draw(sdxl, requests, params, each))[1] for each in (None, control, impasto.ToyControl(toy_share=1.0))
    ]
    assert pictures[0].tobytes() == pictures[2].tobytes() != pictures[1].tobytes()


@pytest.mark.usefixtures("toy")
def test_metric_is_measured_with_the_others() -> None:
    sets = FeatureSets(torch.eye(4), tuple("abcd"), torch.eye(4), has_unit_length=True)
    assert "toy count" in {each.name for each in measure_all(sets)}


@pytest.mark.usefixtures("toy")
def test_features_are_extracted() -> None:
    features = open_features("toy_colour", torch.device("cpu"))
    assert features.extract([Image.new("RGB", (2, 2), (9, 9, 9))]).tolist() == [[9.0]]


@pytest.mark.usefixtures("toy")
def test_family_is_opened_by_its_pipeline_and_draws(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folders["sd15"], tmp_path / "toy-base"))
    index = folder / "model_index.json"
    index.write_text(index.read_text("utf-8").replace("StableDiffusionPipeline", "ToyPipeline"), "utf-8")
    opened = open_base(str(folder), device="cpu")
    assert (opened.family, type(opened.pipe).__name__) == ("toy", "ToyPipeline")
    params, requests = SamplingParams(2, 1.0, 32, 32), [ImageRequest("a fox", 0)]
    bases = (opened, open_base(str(tiny_folders["sd15"]), device="cpu"), wrap_pipeline(opened.pipe))
    first, *others = [next(draw(each, requests, params))[1].tobytes() for each in bases]
    assert others == [first, first]
    assert bases[2].family == "toy"


@pytest.mark.usefixtures("toy")
def test_command_runs_and_stands_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toy-hello", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"
    assert main(["--help"]) == 0
    assert "  toy-hello       Say hello\n" in capsys.readouterr().out


# Refused


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("gnerate",), "unknown command 'gnerate': did you mean generate? choose one of "),
        (("train", "stylforge"), "unknown method 'stylforge': did you mean styleforge? choose one of b_lora, "),
        (
            ("transfer", "a.png", "--control", "styl-studio"),
            "unknown control 'styl_studio': did you mean style_studio? ",
        ),
        (("transfer", "a.png", "--preset", "fathful"), "unknown preset 'fathful': did you mean faithful? "),
        (("toy-helo",), "unknown command 'toy-helo': did you mean toy-hello? "),
    ],
)
@pytest.mark.usefixtures("toy")
def test_unknown_names_list_the_nearest(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in told(capsys, *arguments)


def test_unknown_metrics_and_features_list_the_nearest() -> None:
    with pytest.raises(
        PluginError, match=r"^unknown metric 'frechett': did you mean frechet\? choose one of block_effect, cmmd, "
    ):
        load_module("impasto.metrics", "frechett")
    with pytest.raises(PluginError, match=r"^unknown family 'sdx': did you mean sdxl\? choose one of sd15, sdxl$"):
        load_module("impasto.models.families", "sdx")


def test_two_plug_ins_of_one_name_are_refused(installing: Installs, capsys: pytest.CaptureFixture[str]) -> None:
    installing()
    offers = {
        "methods": {"toy_lora": "other.toy_lora", "styleforge": "other.toy_lora"},
        "commands": {"demo": "other.x"},
    }
    installing("other", files=FILES, offers=offers)
    both = "uninstall one of them"
    assert f"method 'toy_lora' comes from package other and from package toy: {both}" in told(
        capsys, "train", "toy-lora"
    )
    assert f"method 'styleforge' comes from impasto and from package other: {both}" in told(
        capsys, "train", "styleforge"
    )
    assert f"command 'demo' comes from impasto and from package other: {both}" in told(capsys, "demo")
    assert main(["--help"]) == 0
    assert "demo            cannot be used: command 'demo' comes from" in capsys.readouterr().out


WRONG = {
    "a member is missing": (
        "class ToyLoRA:\n    name = 'toy_lora'\n",
        "toy.toy_lora.ToyLoRA lacks Config, adapters, content_words, kind, loss, new_tokens, num_pictures, paper, ",
    ),
    "no class": ("x = 1\n", "method 'toy-lora': toy.toy_lora lacks a class called 'toylora', in any capitals"),
    "broken": (
        "1 / 0\n",
        "method 'toy-lora' cannot be imported from toy.toy_lora (ZeroDivisionError: division by zero)",
    ),
    "a clash": (
        FILES["toy_lora.py"].replace("toy_rank", "steps"),
        "method toy_lora: option 'steps' is one of [optimizer] already: give it another name",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_method_that_is_none_is_refused(installing: Installs, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, expected = WRONG[what]
    installing(files={**FILES, "toy_lora.py": text})
    assert expected in told(capsys, "train", "toy-lora", "--style-images", "x", "--out", "x.safetensors")


def test_other_plug_ins_that_are_none_are_refused(installing: Installs, capsys: pytest.CaptureFixture[str]) -> None:
    clash = FILES["toy_control.py"].replace("toy_share", "strength")
    hollow = dict.fromkeys(("toy_metric.py", "toy_features.py", "toy_hello.py"), "x = 1\n")
    installing(files={**FILES, **hollow, "toy_control.py": clash})
    refused = told(capsys, "transfer", "a.png", "--prompt", "x", "--control", "toy-control")
    assert "control toy_control: option 'strength' is one of transfer already: give it another name" in refused
    assert "command 'toy_hello': toy.toy_hello does not define run" in told(capsys, "toy-hello")
    with pytest.raises(PluginError, match=r"metric 'toy_metric': toy\.toy_metric does not define measure"):
        measure_all(FeatureSets(torch.eye(4), tuple("abcd")))
    with pytest.raises(PluginError, match=r"toy\.toy_features lacks a class called 'toycolourfeatures'"):
        open_features("toy_colour", torch.device("cpu"))


def test_a_family_without_its_members_is_refused(installing: Installs) -> None:
    abstract = (
        "from impasto.models.families._unet import UNetDiffusion\n\nclass Toy(UNetDiffusion):\n    family = 'toy'\n"
    )
    installing(files={**FILES, "toy_family.py": abstract})
    with pytest.raises(PluginError, match=r"Toy lacks _encode, check, family_roles, file_names, parts, pipeline_class"):
        find_family("toy")


def test_a_control_without_its_members_is_refused(installing: Installs) -> None:
    installing(files={**FILES, "toy_control.py": "class ToyControl:\n    teacher = 0.0\n"})
    with pytest.raises(PluginError, match="ToyControl lacks Config, attend, check, combine, counterpart, flags"):
        find_control("toy_control")
