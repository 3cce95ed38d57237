"""Five hundred generated command lines, made of the commands' own options: exit code 0 or 2, and one line says why.

Every option is given its extremes and, beyond them, empty, huge, wrong and odd values; then options stand in pairs.
Bases are tiny, and whatever would draw or train does so with --dry-run: what is tested is that everything is told
before anything begins.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from PIL import Image
from pydantic.fields import FieldInfo

from command_models import heads, is_list, is_positional, kinds_of, model_of
from impasto.cli.arguments import without
from impasto.cli.main import main
from impasto.core.rng import generator
from impasto.models import open as open_module
from impasto.models.loading import load_pipeline

LINES = int(os.environ.get("IMPASTO_COMMAND_LINES", "500"))
"""More of them, on demand, are drawn anew: the number is their seed."""
SERVERS = {"studio", "judge"}
"""Commands that go on until they are stopped: tests/studio tries them."""
HEADS = [head for head in heads() if head[0] not in SERVERS]
DOCUMENTED = {0, 2}
"""0: well, 2: the user can mend it. 130, interrupted, does not happen here."""
ODD = (
    "",
    " ",
    "a" * 5000,
    "字é",
    "~",
    "/",
    ".",
    "..",
    "-",
    "--",
    "a\nb",
    "a:b@c:d",
    "pack:",
    "none",
    "'\"$`",
    "1",
    "\udce9",
)
NUMBERS = (
    "",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1",
    "0.5",
    "1e308",
    "-1e308",
    str(10**18),
    str(2**63),
    "few",
    "1_0",
    "٣",
)
FLAGS: dict[str, tuple[str, ...]] = {
    "train": ("--style-images", "pictures", "--out", "x.safetensors", "--base", "BASE", "--cache", "none"),
    "generate": ("--prompt", "a fox", "--base", "BASE"),
    "mix": ("--style", "lora.safetensors", "--prompt", "a fox", "--base", "BASE"),
    "stylize": ("pictures/0.png", "--base", "BASE"),
    "transfer": ("pictures/0.png", "--prompt", "a fox", "--base", "BASE"),
    "negative-style": ("pictures/0.png", "--prompt", "a fox", "--base", "BASE"),
    "evaluate": ("pictures", "--reference", "pictures"),
    "extract": ("lora.safetensors", "--out", "x.safetensors"),
    "convert": ("lora.safetensors", "y.safetensors", "--format", "kohya"),
    "compare": ("compare.toml",),
    "aux": ("--out", "aux", "--images", "pictures"),
    "subdivide": ("pictures", "--out", "x.csv"),
    "probe": ("--base", "BASE"),
    "cache": ("--cache", "kept"),
}
"""What makes a command line complete; options that are tried come behind, and later ones win."""


COMPARISON = """
base = "{base}"
styles = [{{name = "blue", style_images = "pictures", reference = "pictures"}}]
[methods.lora]
"""


@dataclass(frozen=True)
class Line:
    """A command line: its beginning, and the options that are tried."""

    head: tuple[str, ...]
    tried: tuple[str, ...]

    def arguments(self, base: str) -> list[str]:
        has_dry_run = "dry_run" in model_of(self.head).model_fields
        usual = [base if each == "BASE" else each for each in FLAGS.get(self.head[0], ())]
        return [*self.head, *usual, *self.tried, *(["--dry-run"] if has_dry_run else [])]


SIDES = {"resolution", "height", "width"}
"""Options whose largest values are allowed and take hours: these are not tried, what is beyond them is."""


def values_of(name: str, field: FieldInfo) -> Iterator[str]:
    """Yield what an option may be given, its own extremes first."""
    kinds = kinds_of(field.annotation)
    if name in SIDES:
        yield from ("8", "32", "7", "31", "33", "8193", str(10**18), "-1", "0", "x", "")
        return
    for literal in _literals(field.annotation):
        yield from (str(literal), str(literal).upper())
    for each in field.metadata:
        for kind in ("ge", "gt", "le", "lt"):
            if (bound := getattr(each, kind, None)) is not None:
                yield from (str(bound), str(bound - 1), str(bound + 1))
    yield from NUMBERS if kinds & {int, float} else ODD


def _literals(annotation: Any) -> list[object]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [found for each in get_args(annotation) for found in _literals(each)]


def given(name: str, field: FieldInfo, value: str) -> tuple[str, ...]:
    """Return the arguments that give an option a value."""
    flag = f"--{name.replace('_', '-')}"
    if kinds_of(field.annotation) == {bool}:
        return {"": (flag,), "-1": (f"--no-{flag[2:]}",)}.get(value, (f"{flag}={value[:9]}",))
    if is_positional(field):
        return (value,)
    if get_origin(field.annotation) is tuple and not is_list(field):
        return (flag, value, "1")
    return (flag, value) if value.startswith("-") is False else (f"{flag}={value}",)


def tried_in(head: tuple[str, ...]) -> dict[str, FieldInfo]:
    """Return the options that are tried with one head: its own, and a share of those that all heads have in common."""
    heads_of = [each for each in HEADS if each[0] == head[0]]
    common = set.intersection(*(set(model_of(each).model_fields) for each in heads_of)) - {"dry_run"}
    share = set(sorted(common)[heads_of.index(head) :: len(heads_of)])
    fields = model_of(head).model_fields
    return {name: field for name, field in fields.items() if name in share or name not in common | {"dry_run"}}


def singles(head: tuple[str, ...], rng: torch.Generator) -> Iterator[Line]:
    """Yield lines with one option each, all options in turn, each with its values in a random order."""
    orders = []
    for name, field in tried_in(head).items():
        lines = [Line(head, given(name, field, value)) for value in values_of(name, field)]
        orders.append([lines[place] for place in torch.randperm(len(lines), generator=rng).tolist()])
    yield from (line for lines in zip_longest(*orders) for line in lines if line is not None)


def pairs(lines: Sequence[Line], rng: torch.Generator) -> Iterator[Line]:
    """Yield lines with two options each, drawn at random."""
    while lines:
        first, second = torch.randint(len(lines), (2,), generator=rng).tolist()
        yield Line(lines[first].head, lines[first].tried + lines[second].tried)


def all_lines() -> dict[tuple[str, ...], list[Line]]:
    """Return at least `LINES` lines of all commands, two thirds with one option and one third with two."""
    each = -(-LINES // len(HEADS))
    found = {}
    for index, head in enumerate(HEADS):
        rng = generator(LINES + index)
        every = list(singles(head, rng))
        alone = every[: max(each * 2 // 3, len(tried_in(head)))]
        found[head] = [*alone, *islice(pairs(every, rng), max(each - len(alone), each // 3))]
    return found


GENERATED = all_lines()


@pytest.fixture
def folder(
    tmp_path: Path, tiny_folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, make_lora: Callable[[Path], None]
) -> Path:
    """The working folder; each base is read from disk once."""
    (tmp_path / "pictures").mkdir()
    for index in range(10):
        Image.new("RGB", (32, 32), (20 * index, 20, 200)).save(tmp_path / "pictures" / f"{index}.png")
        (tmp_path / "pictures" / f"{index}.txt").write_text("a fox")
    (tmp_path / "compare.toml").write_text(COMPARISON.format(base=tiny_folders["sdxl"]))
    make_lora(tmp_path / "lora.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    known: dict[str, object] = {}

    def load_once(pipeline_class: Any, source: Any, **how: Any) -> object:
        key = f"{source.location} {how}"
        if key not in known:
            known[key] = load_pipeline(pipeline_class, source, **how)
        return known[key]

    monkeypatch.setattr(open_module, "load_pipeline", load_once)
    return tmp_path


@pytest.fixture
def make_lora() -> Callable[[Path], None]:
    from safetensors.torch import save_file

    def make(path: Path) -> None:
        layer = "unet.up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q"
        save_file({f"{layer}.lora_A.weight": torch.zeros(1, 16), f"{layer}.lora_B.weight": torch.zeros(16, 1)}, path)

    return make


def test_every_option_of_every_command_is_tried() -> None:
    """By any method or control: those of training and transfer have most of their options in common."""
    assert sum(map(len, GENERATED.values())) >= LINES
    for command in {head[0] for head in HEADS}:
        tried = " ".join(
            part for head in HEADS if head[0] == command for line in GENERATED[head] for part in line.tried
        )
        for head in (head for head in HEADS if head[0] == command):
            for name, field in model_of(head).model_fields.items():
                flag = name.replace("_", "-")
                is_tried = f"--{flag}" in tried or f"--no-{flag}" in tried or is_positional(field)
                assert is_tried or name in {"dry_run", "control"}, (head, name)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("head", HEADS, ids=" ".join)
def test_no_command_line_ends_in_a_traceback(
    head: tuple[str, ...], folder: Path, tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    base = str(tiny_folders["sdxl"])
    found = ((line, problem_of(line.arguments(base), capsys)) for line in GENERATED[head])
    failures = [f"{' '.join(line.tried)[:150]!r}: {why}" for line, why in found if why]
    assert not failures, "\n".join(failures)


def problem_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is wrong with how a command line ends, or nothing."""
    try:
        code = main(arguments)
    except SystemExit as asked:  # --help
        code = asked.code or 0
    except BaseException as error:  # what these tests look for
        capsys.readouterr()
        return f"{type(error).__name__}: {error}"[:200]
    told = capsys.readouterr()
    if code not in DOCUMENTED:
        return f"exit code {code}"
    if code == 2 and not re.fullmatch(r"impasto: [^\n]+\n", told.err):
        return f"says {told.err!r}"[:300]
    return "traceback" if "Traceback" in told.out + told.err else ""


TOML = (
    *("1", "-1", "1.5", "true", '"x"', '""', '"~"', "[]", "[1]", "[[]]", '["a", 1]', "{}", "{a = 1}"),
    *(r'"a\u0000b"', "1979-05-27", "1e400", "nan", str(10**30)),
)
"""Values that a file may give an option."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("head", HEADS, ids=" ".join)
def test_no_toml_file_ends_in_a_traceback(
    head: tuple[str, ...], folder: Path, tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    failures, rng = [], generator(HEADS.index(head))
    for name in tried_in(head):
        for place in torch.randperm(len(TOML), generator=rng)[:3].tolist():
            (folder / "my.toml").write_text(f"{name} = {TOML[place]}\n", "utf-8")
            given_otherwise = without(
                Line(head, ()).arguments(str(tiny_folders["sdxl"])), f"--{name.replace('_', '-')}"
            )
            if why := problem_of([*given_otherwise, "--config", "my.toml"], capsys):
                failures.append(f"{name} = {TOML[place]}: {why}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a = 1\na = 2", "\x00", "=", "[a]\nb = 1", 'out = "x', "\ufeff\ufeffa = 1"], ids=repr
)
def test_damaged_toml(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (folder / "my.toml").write_text(text, "utf-8")
    assert not problem_of(["generate", "--prompt", "a", "--config", "my.toml"], capsys)
    (folder / "my.toml").write_bytes(text.encode("utf-16"))
    assert not problem_of(["generate", "--prompt", "a", "--config", "my.toml"], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        *([], [""], ["--"], ["-h"], ["help", "x"], ["--version", "x"], ["a" * 5000], ["字"], ["__init__"], ["aux_"]),
        *(["train"], ["train", ""], ["train", "--base", "x"], ["train", "__init__"], ["train", "_protocol"]),
        *(["train", "../methods/lora"], ["train", "lora.loss"], ["transfer"], ["transfer", "--control"]),
        *(["transfer", "--control", ""], ["transfer", "x", "--control", "_window"], ["transfer", "x", "--preset", ""]),
        *(["generate", "--config"], ["generate", "--config", ""], ["generate", "--config", "pictures"]),
        *(["generate", "--config="], ["generate", "x"], ["generate", "--prompt"], ["generate", "--", "x"]),
        *(["styles", "x", "y"], ["doctor", "x"], ["cache", "x"], ["convert"], ["convert", "x"], ["convert", "x", "y"]),
    ],
    ids=lambda each: " ".join(each)[:40],
)
def test_odd_beginnings(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert not problem_of(arguments, capsys)


EXCLUDED = [
    ("train styleforge", "--aux generate --aux-images pictures"),
    ("train styleforge", "--aux none --aux-images pictures"),
    ("train styleforge", "--num-aux 4"),
    ("train styleforge", "--resume"),
    ("train styleforge", "--learn full --rank 4"),
    ("train styleforge", "--prior-weight 0 --aux-images pictures"),
    ("train lora", "--aux-images pictures"),
    ("train b-lora", "--aux generate"),
    ("train multi-styleforge", "--identifiers zwx"),
    ("train multi-styleforge", "--concepts people --concepts people"),
    ("generate", "--decompose --raw-prompt"),
    ("generate", "--decompose"),
    ("generate", "--num-images 2 --out x.png"),
    ("generate", "--preview-every 30 --steps 20"),
    ("generate", "--sampler lcm --steps 51"),
    ("mix", "--subject fox"),
    ("mix", "--words red"),
    ("mix", "--keep-colour 0.5"),
    ("mix", "--prompts-per-role"),
    ("mix", "--content lora.safetensors --keep-colour 0.5 --colour-of pictures/0.png"),
    ("mix", "--strip 3"),
    ("transfer --control style-aligned", "--adapter x.safetensors"),
    ("transfer --control style-aligned", "--join concat"),
    ("transfer --control style-aligned", "--adapter-scale 2"),
    ("transfer --control style-aligned", "--strength 0.5"),
    ("transfer --control style-aligned", "--edges 1 2"),
    ("transfer --control style-aligned", "--preset bold"),
    ("transfer --control plain", "--reference-prompt fox"),
    ("transfer --control plain", "--negative-style auto --guidance-scale 1"),
    ("transfer --control plain", "--controlnet x"),
    ("stylize", "--steps 2 --strength 0.1"),
    ("aux", "--prompt fox"),
    ("aux", "--seed 3"),
    ("convert", "--base pocket"),
    ("convert", "--format custom-diffusion --base pocket --split"),
    ("extract", "--out lora.bin"),
    ("subdivide", "--concepts one"),
    ("subdivide", "--concepts one --concepts one"),
    ("cache", "--cache none"),
    ("probe", "--families style,style"),
]
"""Options that contradict each other, or have no effect in this company."""


@pytest.mark.parametrize(("head", "tried"), EXCLUDED, ids=" ".join)
def test_options_that_exclude_each_other_are_refused(
    head: str, tried: str, folder: Path, tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    line = Line(tuple(head.split()), tuple(tried.split()))
    assert main(line.arguments(str(tiny_folders["sdxl"]))) == 2
    assert re.fullmatch(r"impasto: [^\n]+\n", capsys.readouterr().err)
