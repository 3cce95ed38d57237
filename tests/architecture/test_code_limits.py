"""The limits that the project sets itself: sizes, names, printing, laziness."""

import ast
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import impasto
from impasto.cli.commands.transfer import read_options
from impasto.core.config import validated
from impasto.core.plugins import plugin_names
from impasto.generation.options import GenerateOptions
from impasto.generation.transfer_presets import PRESETS
from impasto.registry.methods import find_method
from impasto.registry.recipes import recipe_for
from impasto.training.options import TrainOptions

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "pretraining").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")])
RECIPES = sorted((ROOT / "src/impasto/recipes").glob("*.toml"))
METHODS = {"BLoRA", "CustomDiffusion", "DreamBooth", "LoRA", "MultiStyleForge", "StyleForge", "TextualInversion"}
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BANNED_NAMES = {"utils.py", "helpers.py", "misc.py", "common.py"}


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 50
    assert len(RECIPES) >= 3


@pytest.mark.parametrize("package", ["models.families", "methods", "controls", "features", "metrics"])
def test_plug_ins_do_not_know_each_other(package: str) -> None:
    """What several share is in files that begin with an underscore: any plug-in can be taken out."""
    names = set(plugin_names(f"impasto.{package}"))
    for name in names:
        tree = ast.parse((ROOT / "src/impasto" / package.replace(".", "/") / f"{name}.py").read_text("utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & {f"impasto.{package}.{other}" for other in names - {name}}, name


def test_file_and_function_sizes() -> None:
    """All in one: 430 cases would say no more."""
    for path in (*SOURCES, *SCRIPTS):
        text = path.read_text("utf-8")
        assert path.name not in BANNED_NAMES
        assert len(text.splitlines()) <= 400, path
        limit = 50 if path in SOURCES else 70  # a training loop reads better in one piece
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= limit, f"{path}: {node.name} has {length} lines"


def test_families_and_key_maps_alone_know_of_unets() -> None:
    """Everywhere else the word is denoiser, so that a family may have another network."""
    allowed = {"models/families", "style/formats", "image_prompts/formats"}
    for path in SOURCES:
        if path.parent.relative_to(ROOT / "src/impasto").as_posix() not in allowed:
            assert "unet" not in path.read_text("utf-8").lower(), path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 25


def test_no_room_is_crowded() -> None:
    """About 25 files or 3,000 lines: beyond that, a room wants rooms of its own."""
    for folder in {path.parent for path in SOURCES}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]  # which hold a line
        assert len(files) <= 26, folder
        assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 3000, folder


def test_configured_paths_exist() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert all((ROOT / folder).exists() for folder in settings["tool"]["mypy"]["files"])
    assert all((ROOT / folder).exists() for folder in settings["tool"]["pytest"]["ini_options"]["testpaths"])
    assert all((ROOT / folder).exists() for folder in settings["tool"]["ruff"]["src"])


def test_public_names() -> None:
    assert set(impasto.__all__) == {
        *("__version__", "Base", "Style", "load", "from_pipeline", "train", "train_events"),
        *("BLoRA", "CustomDiffusion", "DreamBooth", "LoRA", "MultiStyleForge", "StyleForge", "TextualInversion"),
        *("Control", "InstantStyle", "StyleAligned", "StyleStudio"),
        *("Checkpointed", "Corrected", "Event", "Generated", "HeldOutMeasured", "Measured", "Noted", "Planned"),
        *("Previewed", "Probed", "Progress", "Sampled", "Saved", "StepKept", "TrainStep", "Verdict"),
        *("BaseMismatch", "ConfigError", "DataError", "ImpastoError", "NotFinite", "PluginError"),
        *("ResourceError", "RunError"),
        *("StyleFileError", "TrainingDiverged", "UnsafeFile"),
    }
    assert {getattr(impasto, name).name for name in impasto.__all__ if name in METHODS} == set(
        plugin_names("impasto.methods")
    )
    assert all(getattr(impasto, name) is not None for name in impasto.__all__)
    with pytest.raises(AttributeError, match="no public name"):
        impasto.nothing  # noqa: B018
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert impasto.__version__ == declared


@pytest.mark.parametrize(
    ("path", "learn"),
    [
        (path, way)
        for path in RECIPES
        for way in (None, *({"full", "lora"} & set(tomllib.loads(path.read_text("utf-8")))))
    ],
    ids=lambda value: value.name if isinstance(value, Path) else str(value),
)
def test_every_recipe_is_valid(path: Path, learn: str | None) -> None:
    method_name, _, base = path.stem.rpartition("-")
    assert base in {"pocket", "sd15", "sdxl"}
    if method_name in {"draw", "negative_style"}:
        validated(GenerateOptions, tomllib.loads(path.read_text("utf-8")) | {"prompt": ("a fox",)}, source=path.name)
        return
    if method_name == "transfer":
        assert set(tomllib.loads(path.read_text("utf-8"))) == set(PRESETS)
        for name in PRESETS:
            read_options(["a.png", "--prompt", "a fox", "--preset", name, "--base", base])
        return
    method = find_method(method_name)
    values = recipe_for(method_name, base, learn)
    own = {name: values.pop(name) for name in list(values) if name in method.Config.model_fields}
    validated(method.Config, own, source=path.name)
    validated(TrainOptions, values | {"style_images": "x", "out": "x.safetensors"}, source=path.name)


@pytest.mark.parametrize("package", ["methods", "controls", "models.families", "features", "metrics", "cli.commands"])
def test_every_plug_in_folder_has_plug_ins(package: str) -> None:
    assert plugin_names(f"impasto.{package}")


HEAVY = ("torch", "diffusers", "transformers", "peft", "matplotlib")


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        f"import sys; from impasto.cli.main import main; main(['--help']); assert not set({HEAVY}) & set(sys.modules)"
    )
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.5  # of a processor: on the clock, a machine that has other work would fail


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, impasto; dir(impasto); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
