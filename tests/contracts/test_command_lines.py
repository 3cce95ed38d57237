"""Five hundred generated command lines, made of the commands' own options: exit code 0 or 2, and one line says why.

Every option is given its extremes and, beyond them, empty, huge, wrong and odd values; then options stand in pairs.
Bases are tiny, and whatever would draw or train does so with --dry-run: what is tested is that everything is told
before anything begins.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from PIL import Image
from pydantic.fields import FieldInfo

from command_models import heads, is_list, is_positional, kinds_of, model_of
from impasto.cli.main import main
from impasto.core.rng import generator
from impasto.models import open as open_module
from impasto.models.loading import load_pipeline

LINES = int(os.environ.get("IMPASTO_COMMAND_LINES", "500"))
"""More of them, on demand, are drawn anew: the number is their seed."""
HEADS = list(heads())
DOCUMENTED = {0, 2}
"""0: well, 2: the user can mend it. 130, interrupted, does not happen here."""
ODD = ("", " ", "a" * 5000, "字é", "~", "/", ".", "..", "-", "--", "a\nb", "a:b@c:d", "pack:", "none", "'\"$`", "1")
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


@dataclass(frozen=True)
class Line:
    """A command line: its beginning, and the options that are tried."""

    head: tuple[str, ...]
    tried: tuple[str, ...]

    def arguments(self, base: str) -> list[str]:
        has_dry_run = "dry_run" in model_of(self.head).model_fields
        usual = [base if each == "BASE" else each for each in FLAGS.get(self.head[0], ())]
        return [*self.head, *usual, *self.tried, *(["--dry-run"] if has_dry_run else [])]


def values_of(field: FieldInfo) -> Iterator[str]:
    """Yield what an option of a kind may be given, its own extremes first."""
    kinds = kinds_of(field.annotation)
    for literal in _literals(field.annotation):
        yield from (str(literal), str(literal).upper())
    for each in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if (bound := getattr(each, name, None)) is not None:
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


def singles(head: tuple[str, ...]) -> list[Line]:
    """Return a line for each option and value of a command; each option's first value comes before any second."""
    fields = {name: field for name, field in model_of(head).model_fields.items() if name != "dry_run"}
    by_option = [
        [Line(head, given(name, field, value)) for value in values_of(field)] for name, field in fields.items()
    ]
    return [line for lines in zip_longest(*by_option) for line in lines if line is not None]


def pairs(head: tuple[str, ...], rng: torch.Generator) -> Iterator[Line]:
    """Yield lines with two options each, drawn at random."""
    lines = singles(head)
    while lines:
        first, second = torch.randint(len(lines), (2,), generator=rng).tolist()
        yield Line(head, lines[first].tried + lines[second].tried)


def all_lines() -> dict[tuple[str, ...], list[Line]]:
    """Return `LINES` lines, equally many of every command: two thirds with one option, one third with two."""
    each = -(-LINES // len(HEADS))
    found = {}
    for index, head in enumerate(HEADS):
        rng = generator(LINES + index)
        alone = singles(head)
        first = torch.randint(len(alone), (), generator=rng).item()  # options in turn, another start for each method
        chosen = [alone[(first + step) % len(alone)] for step in range(min(each * 2 // 3, len(alone)))]
        together = islice(pairs(head, rng), each - len(chosen))
        found[head] = [*chosen, *together]
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
    (tmp_path / "compare.toml").write_text('styles = ["pack:openmoji"]\n[methods.lora]\n')
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


@pytest.mark.parametrize("head", HEADS, ids=" ".join)
def test_no_command_line_ends_in_a_traceback(
    head: tuple[str, ...], folder: Path, tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    failures, codes = [], []
    for line in GENERATED[head]:
        arguments = line.arguments(str(tiny_folders["sdxl"]))
        try:
            code = main(arguments)
        except SystemExit as asked:  # --help
            code = asked.code or 0
        except BaseException as error:
            failures.append((line.tried, f"{type(error).__name__}: {error}"[:200]))
            capsys.readouterr()
            continue
        told = capsys.readouterr()
        codes.append(code)
        if code not in DOCUMENTED:
            failures.append((line.tried, f"exit code {code}"))
        if code == 2 and not re.fullmatch(r"impasto: [^\n]+\n", told.err):
            failures.append((line.tried, f"says {told.err!r}"[:300]))
        if "Traceback" in told.out + told.err:
            failures.append((line.tried, "traceback"))
    print("codes", head, codes.count(0), codes.count(2))
    assert not failures, "\n".join(f"{' '.join(tried)[:150]!r}: {why}" for tried, why in failures)
