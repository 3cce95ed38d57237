"""Options from TOML and flags: later sources win, and every problem is one line that names its source and field."""

import io
import math
from pathlib import Path

import pytest

from impasto.cli.arguments import asked_for, parse, peek, without
from impasto.conversion.extract import ExtractOptions
from impasto.core.config import Config, read_toml, validated
from impasto.core.errors import ConfigError, PluginError
from impasto.core.plugins import plugin_names
from impasto.generation.options import GenerateOptions
from impasto.generation.transfer_options import TransferOptions
from impasto.registry.methods import find_method
from impasto.training.options import TABLES, TrainOptions, tables_with

NEEDED = ["--style-images", "pictures", "--out", "fox.safetensors"]


def toml(folder: Path, text: str) -> str:
    path = folder / "options.toml"
    path.write_text(text)
    return str(path)


def train_options(*flags: str, recipe: dict[str, object] | None = None) -> TrainOptions:
    return parse(TrainOptions, flags, command="train", description="", recipe=recipe)


def refusal(*flags: str, recipe: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        train_options(*flags, recipe=recipe)
    message = str(refused.value)
    assert "\n" not in message
    return message


# TOML


def test_missing_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config file .*none\.toml does not exist"):
        read_toml(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"steps = ", b"steps = 1\nsteps = 2", b"a = '\xff'"])
def test_invalid_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"config file .*bad\.toml is not valid TOML: ") as refused:
        read_toml(tmp_path / "bad.toml")
    assert "\n" not in str(refused.value)


def test_folder_as_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config file .* cannot be read: is a directory"):
        read_toml(tmp_path)


def test_toml_is_read(tmp_path: Path) -> None:
    assert read_toml(Path(toml(tmp_path, "steps = 7\nflips = true"))) == {"steps": 7, "flips": True}


# Models


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"steps": 5, "lr_warmup": 5}, "lr_warmup = 5 leaves nothing of steps = 5"),
        ({"stepz": 3}, "unknown option 'stepz'; known: accumulate, attach, aux, aux_captions, aux_images"),
        ({"steps": "many"}, "steps = 'many': input should be a valid integer"),
        ({"steps": 0}, "steps = 0: input should be greater than or equal to 1"),
        ({"aux": "often"}, "aux = 'often': input should be 'folder', 'generate' or 'none'"),
        ({"out": "Fox.ckpt"}, "out = 'Fox.ckpt': must end in .safetensors, for example Fox.safetensors"),
        ({"out": Path("Fox.ckpt")}, "out = 'Fox.ckpt': must end in .safetensors"),
        ({"learning_rate": math.nan}, "learning_rate = nan: input should be a finite number"),
        ({"learning_rate": math.inf}, "learning_rate = inf: input should be a finite number"),
        ({"seed": 2**63}, "seed = 9223372036854775808: input should be less than or equal to 9223372036854775807"),
        ({"sample_prompts": 3}, "sample_prompts = 3: write a list in brackets, such as [3]"),
        ({"sample_prompts": "a fox"}, "sample_prompts = 'a fox': write a list in brackets, such as [\"a fox\"]"),
        ({"sample_prompts": [1]}, "sample_prompts.0 = 1: input should be a valid string"),
        ({"steps": 0, "batch_size": 0}, "steps = 0: input should be greater than or equal to 1 (and 1 more)"),
    ],
)
def test_wrong_value_is_one_line(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validated(TrainOptions, {"style_images": "x", "out": "x.safetensors"} | values, source="my.toml")
    assert str(refused.value).startswith("my.toml: ")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


class Pair(Config):
    """Options with a pair of numbers."""

    window: tuple[float, float] = (0.0, 1.0)


@pytest.mark.parametrize(
    ("given", "told"), [([0.5], "at least 2 values, not 1"), ([0, 1, 1], "at most 2 values, not 3")]
)
def test_pairs_of_another_length_are_one_line(given: list[float], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        validated(Pair, {"window": given}, source="my.toml")
    assert "tuple" not in str(refused.value)


def test_missing_option() -> None:
    with pytest.raises(ConfigError, match=r"my\.toml: option 'out' is missing"):
        validated(TrainOptions, {"style_images": "x"}, source="my.toml")


def test_options_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainOptions(style_images="x", out=Path("x.safetensors")).steps = 3


# Tables


def test_options_in_tables_are_the_options_outside_of_any(tmp_path: Path) -> None:
    tables = """
    steps = 40
    [data]
    style_images = "pictures"
    captions = true
    [optimizer]
    optimizer = "adamw"
    learning_rate = 1e-3
    [run]
    out = "fox.safetensors"
    """
    flat = "steps = 40\nstyle_images = 'pictures'\ncaptions = true\nlearning_rate = 1e-3\nout = 'fox.safetensors'"
    in_tables = train_options("--config", toml(tmp_path, tables))
    assert in_tables == train_options("--config", toml(tmp_path, flat))
    assert (in_tables.captions, in_tables.steps, in_tables.learning_rate) == (True, 40, 1e-3)
    assert train_options("--config", toml(tmp_path, tables), "--steps", "3").steps == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[date]\nstyle_images = 'x'", "unknown table [date]: did you mean [data]? choose one of [data], [model], "),
        ("[data]\nsteps = 3", "unknown option 'steps' in [data]; it belongs in [optimizer]"),
        ("[run]\noutt = 'x'", "unknown option 'outt' in [run]; known: checkpoint_every, dry_run, out, "),
        ("steps = 3\n[optimizer]\nsteps = 4", "option 'steps' is given twice: leave one out"),
        ("[optimizer]\nsteps = 0", "steps = 0: input should be greater than or equal to 1"),
    ],
)
def test_wrong_tables_are_one_line(text: str, told: str, tmp_path: Path) -> None:
    config = toml(tmp_path, text)
    assert refusal(*NEEDED, "--config", config).startswith(f"{config}: {told}")


def test_commands_without_tables_say_so(tmp_path: Path) -> None:
    config = toml(tmp_path, "[data]\nsource = 'x'")
    with pytest.raises(ConfigError, match=r"unknown table \[data\]: the options of this command stand in no table"):
        parse(ExtractOptions, ["--config", config], command="extract", description="")


def test_options_that_are_looked_up_early_are_found_in_tables(tmp_path: Path) -> None:
    config = toml(tmp_path, "[model]\nbase = 'mine'\n[method]\nlearn = 'lora'")
    assert [asked_for(["--config", config], option) for option in ("base", "learn", "steps")] == ["mine", "lora", None]
    assert asked_for(["--config", config, "--base", "other"], "base") == "other"


def test_every_training_option_stands_in_one_table() -> None:
    assert sorted(name for table in TABLES.values() for name in table.model_fields) == sorted(TrainOptions.model_fields)
    for method in plugin_names("impasto.methods"):
        assert tables_with(find_method(method).Config, method).keys() == {*TABLES, "method"}


def test_a_methods_option_with_the_name_of_a_training_option_is_refused() -> None:
    class Settings(Config):
        steps: int = 3

    with pytest.raises(PluginError, match=r"^method toy: option 'steps' is one of \[optimizer\] already"):
        tables_with(Settings, "toy")


# Command line


def test_flags_win_over_config_over_recipe_over_defaults(tmp_path: Path) -> None:
    recipe = {"steps": 300, "batch_size": 4, "learning_rate": 1e-4}
    config = toml(tmp_path, "steps = 40\nbatch_size = 2")
    parsed = train_options(*NEEDED, "--config", config, "--steps", "5", recipe=recipe)
    assert (parsed.steps, parsed.batch_size, parsed.learning_rate, parsed.sample_every) == (5, 2, 1e-4, 100)
    assert train_options(*NEEDED, f"--config={config}", recipe=recipe).steps == 40
    assert train_options(*NEEDED, recipe=recipe).steps == 300
    assert train_options(*NEEDED).steps == 500


def test_flag_back_to_the_default_wins_over_config(tmp_path: Path) -> None:
    config = toml(tmp_path, "steps = 40\nflips = true\nresolution = 64")
    parsed = train_options(*NEEDED, "--config", config, "--steps", "500", "--no-flips", "--resolution", "None")
    assert (parsed.steps, parsed.flips, parsed.resolution) == (500, False, None)


def test_repeated_flag_replaces_a_list(tmp_path: Path) -> None:
    config = toml(tmp_path, "sample_prompts = ['an owl', 'a cat']")
    flags = ("--sample-prompts", "a fox", "--sample-prompts", "a castle")
    assert train_options(*NEEDED, "--config", config).sample_prompts == ("an owl", "a cat")
    assert train_options(*NEEDED, "--config", config, *flags).sample_prompts == ("a fox", "a castle")
    assert train_options(*NEEDED, *flags).sample_prompts == ("a fox", "a castle")
    for flag in ("--sample-prompts=a fox", "--sample_prompts=a fox"):
        assert train_options(*NEEDED, flag, "--config", config).sample_prompts == ("a fox",)
    prompts = toml(tmp_path, "prompt = ['an owl', 'a cat']")
    for flags, expected in (((), ("an owl", "a cat")), (("--prompt", "a fox"), ("a fox",))):
        parsed = parse(GenerateOptions, ["--config", prompts, *flags], command="generate", description="")
        assert parsed.prompt == expected


def test_config_may_hold_what_is_required(tmp_path: Path) -> None:
    config = toml(tmp_path, "style_images = 'pictures'\nout = 'fox.safetensors'")
    parsed = train_options("--config", config)
    assert parsed == TrainOptions(style_images="pictures", out=Path("fox.safetensors"))


def test_parsed_options_are_the_model_itself() -> None:
    parsed = parse(GenerateOptions, ["--prompt", "a fox", "--seed", "3"], command="generate", description="")
    assert parsed == GenerateOptions(prompt=("a fox",), seed=3)
    assert type(parsed) is GenerateOptions


def test_unknown_name_in_config_names_file_and_field(tmp_path: Path) -> None:
    config = toml(tmp_path, "stepz = 3")
    expected = f"{config}: unknown option 'stepz'; known: accumulate, attach,"
    assert refusal(*NEEDED, "--config", config).startswith(expected)


def test_wrong_value_in_config_names_file_and_field(tmp_path: Path) -> None:
    config = toml(tmp_path, "steps = 'many'")
    assert refusal(*NEEDED, "--config", config).startswith(f"{config}: steps = 'many': input should be")


def test_wrong_value_in_recipe_names_it() -> None:
    assert refusal(*NEEDED, recipe={"steps": -1}).startswith("recipe: steps = -1: input should be")


def test_wrong_value_in_flag_names_command_and_field() -> None:
    assert refusal(*NEEDED, "--steps", "0") == "train: steps = 0: input should be greater than or equal to 1"
    assert "out = 'fox.bin': must end in .safetensors, for example fox.safetensors" in refusal(
        "--style-images", "x", "--out", "fox.bin"
    )


def test_config_without_a_file_after_it() -> None:
    assert refusal(*NEEDED, "--config") == "--config needs a TOML file after it"
    assert "none.toml does not exist" in refusal(*NEEDED, "--config", "none.toml")


def test_lists_are_told_as_they_were_typed() -> None:
    with pytest.raises(ConfigError, match=r"transfer: prompt = '': give it at least once"):
        validated(TransferOptions, {"prompt": ()}, source="transfer")
    with pytest.raises(ConfigError, match=r"transfer: edges = '1 2 3': "):
        validated(TransferOptions, {"prompt": ("a",), "edges": (1, 2, 3)}, source="transfer")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--source", "a", "--out", "b", "--rnak", "3"], "unknown option --rnak: did you mean --rank?"),
        (["--source", "a", "--out", "b", "--xyz=3"], "unknown option --xyz=3: impasto extract --help-all lists all"),
        (["--source", "a", "--out", "b", "--rank", "high"], "--rank: invalid literal for int"),
        (["--source", "a", "--out", "b", "--rank"], "--rank"),
        (["--source", "a"], "--out"),
        (["--source", "a", "--out", "b", "more"], "more"),
    ],
    ids="misspelt unknown no-number no-value missing too-many".split(),
)
def test_flags_that_cannot_be_read(
    flags: list[str], told: str, encoding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    with pytest.raises(ConfigError) as refused:
        parse(ExtractOptions, flags, command="extract", description="")
    message = str(refused.value)
    assert told in message
    assert "impasto extract --help" in message or "did you mean" in message
    assert "\n" not in message
    assert capsys.readouterr().err == ""


def test_help_shows_what_config_and_recipe_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        train_options("--help", "--config", toml(tmp_path, "steps = 41"), recipe={"batch_size": 7})
    assert left.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Optimiser steps. (default: 41)" in told
    assert "Pictures of each stream in a batch. (default: 7)" in told
    assert "--config FILE.toml reads options from a file; flags win over it." in told


def test_peek_and_without() -> None:
    assert peek(["--a", "1", "--b=2"], "--a") == "1"
    assert peek(["--a", "1", "--b=2"], "--b") == "2"
    assert peek(["--a"], "--a") is None
    assert without(["--a", "1", "--b=2", "c"], "--a") == ["--b=2", "c"]
    assert without(["--a", "1", "--b=2", "c"], "--b") == ["--a", "1", "c"]
