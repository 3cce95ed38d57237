"""Every option of every command that names a file: "~" is home, outputs fit the disk; and what is printed or read."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from command_models import heads, is_list, kinds_of, model_of, required_values
from impasto.cli.main import main
from impasto.core.config import read_toml, validated
from impasto.core.errors import ConfigError, DataError
from impasto.core.files import clear_staged, write_text
from impasto.core.paths import with_home
from impasto.core.shell import command
from impasto.data.subdivision import read_concepts_csv
from impasto.evaluation.prompts import find_prompts

CASES = Path(__file__).parents[1] / "cases"
HEADS = list(heads())
WORDS = {
    *("prompt", "negative_prompt", "reference_prompt", "subject", "words", "without", "style_words", "sample_prompts"),
    *("device", "families", "pack", "control", "preset", "max_memory", "identifier", "identifiers", "placeholder"),
    *(
        "training_prompt",
        "init_word",
        "concepts",
        "modifier_token",
        "modifier_tokens",
        "class_word",
        "instance_prompt",
        "class_prompt",
        "roles",
        "listen",
        "xy",
    ),
}
"""Options that are words and no paths; whoever adds an option decides which it is."""
PARTNERS = {"held_out_features": {"hold_out": 4}}
"""Options without which another has no effect."""
PATHS = [
    (head, name)
    for head in HEADS
    for name, field in model_of(head).model_fields.items()
    if kinds_of(field.annotation) & {str, Path} and name not in WORDS
]
OUTPUTS = [(head, name) for head, name in PATHS if name in {"out", "run_dir"}]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def value_of(head: tuple[str, ...], name: str, given: str) -> str:
    model = model_of(head)
    field = model.model_fields[name]
    values = required_values(model) | PARTNERS.get(name, {}) | {name: (given,) if is_list(field) else given}
    options = validated(model, values, source="test")
    value = getattr(options, name)
    return str(value[0] if is_list(field) else value)


@pytest.mark.parametrize(("head", "name"), PATHS, ids=str)
def test_a_tilde_is_the_home_folder(head: tuple[str, ...], name: str, home: Path) -> None:
    ending = ".safetensors" if head[0] == "train" and name == "out" else ""
    assert value_of(head, name, f"~/a b/x{ending}") == f"{home}/a b/x{ending}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("~", "HOME"),
        ("~/x:0.5", "HOME/x:0.5"),
        ("csd:~/x", "csd:HOME/x"),
        ("open_clip:ViT@~/x", "open_clip:ViT@HOME/x"),
        ("a~/x", "a~/x"),
        ("x~", "x~"),
        ("~nobody-of-this-name/x", "~nobody-of-this-name/x"),
        ("pack:openmoji", "pack:openmoji"),
    ],
)
def test_where_a_tilde_counts(given: str, expected: str, home: Path) -> None:
    assert with_home(given) == expected.replace("HOME", str(home))


def test_a_tilde_counts_in_toml_and_before_options_are_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "my.toml").write_text('style_images = "~/none"\nout = "x.safetensors"\nbase = "~/no-base"\n')
    assert main(["train", "lora", "--config", "~/my.toml"]) == 2
    assert f"base '{home}/no-base' was not found" in capsys.readouterr().err


@pytest.mark.parametrize(("head", "name"), OUTPUTS, ids=str)
@pytest.mark.parametrize("letter", ["x", "é"])
def test_names_that_the_disk_cannot_take_are_refused_at_once(head: tuple[str, ...], name: str, letter: str) -> None:
    size = len(letter.encode())
    with pytest.raises(ConfigError, match="choose a shorter one"):
        value_of(head, name, f"{letter * (240 // size)}.safetensors")
    with pytest.raises(ConfigError, match="choose a shorter one"):
        value_of(head, name, f"{letter * (256 // size)}/x.safetensors")
    with pytest.raises(ConfigError, match="choose a shorter one"):
        value_of(head, name, f"{letter * 100}/" * 40 + "x.safetensors")


@pytest.mark.parametrize("length", [99, 120, 240, 255])
def test_files_of_any_name_that_the_disk_takes_are_staged(tmp_path: Path, length: int) -> None:
    target = tmp_path / ("x" * length)
    write_text(target, "done")
    assert target.read_text("utf-8") == "done"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("length", [9, 240])
def test_what_a_killed_process_staged_is_found_again(tmp_path: Path, length: int, monkeypatch) -> None:
    target = tmp_path / ("x" * length)
    monkeypatch.setattr(Path, "replace", lambda *_: os._exit)  # killed before the rename
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    write_text(target, "half")
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.undo()
    clear_staged(target)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command_line", [["probe"], ["compare", "x.toml"], ["demo"], ["aux"]], ids=str)
def test_folders_are_not_called_like_files(command_line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command_line, "--out", "photo.jpg"]) == 2
    assert "is the name of a file, and a folder is written: leave out .jpg" in capsys.readouterr().err


def test_a_byte_order_mark_in_toml() -> None:
    assert read_toml(CASES / "bom.toml") == {"style_images": "pictures", "out": "x.safetensors"}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_terminals_that_are_not_utf8(encoding: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    folder = home / "字 λ é"
    folder.mkdir()
    for arguments in (["styles", str(folder)], ["styles", str(folder / "none")]):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        main(arguments)
        for stream in streams:
            stream.flush()
        monkeypatch.undo()
        told = b"".join(stream.buffer.getvalue() for stream in streams).decode(encoding)
        assert "?" in told


@pytest.mark.parametrize("name", ["it's a fox.safetensors", 'a "b" $c `d`.safetensors', "a\\b;c.safetensors"])
def test_printed_commands_say_what_was_given_to_a_shell(name: str) -> None:
    printed = command("impasto", "generate", "--style", Path(name))
    assert shlex.split(printed) == ["impasto", "generate", "--style", name]


def test_the_printed_conversion_of_a_pickle_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "it's mine"
    folder.mkdir()
    (folder / "adapter.bin").write_bytes(b"PK\x03\x04")
    picture = tmp_path / "x.png"
    Image.new("RGB", (8, 8)).save(picture)
    code = main(["transfer", str(picture), "--prompt", "a fox", "--adapter", str(folder / "adapter.bin")])
    told = capsys.readouterr().err
    assert code == 2
    program = shlex.split(told.partition("convert it with ")[2])[2]
    assert str(folder / "adapter.bin") in program
    compile(program, "printed", "exec")


def test_line_breaks_inside_quotes_of_a_csv_are_blanks(tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_bytes(b'name,prompt\r\nfox,"a fox\r\non a hill"\r\nhut,a hut\r\n')
    found = find_prompts([Path("fox.png"), Path("hut.png")], file, "")
    assert found is not None
    assert found.bare == ("a fox on a hill", "a hut")
    division = tmp_path / "division.csv"
    division.write_bytes(b'file,class,note\nfox.png,people,"a\nb"\nhut.png,"back\ngrounds",\n')
    with pytest.raises(DataError, match=r"line 5: class 'back grounds' of 'hut.png' is unknown"):
        read_concepts_csv(division, ["fox.png", "hut.png"], ["people", "backgrounds"])


@pytest.mark.parametrize("reader", ["prompts", "division"])
@pytest.mark.parametrize("damage", [b"x" * 200_000, b"a\x00b"], ids=["a huge field", "a zero byte"])
def test_damaged_csv_is_told_in_one_line(tmp_path: Path, reader: str, damage: bytes) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes((b"name,prompt\n" if reader == "prompts" else b"file,class\n") + b"fox.png," + damage + b"\n")

    def read() -> None:
        if reader == "prompts":
            find_prompts([Path("owl.png")], file, "")
        else:
            read_concepts_csv(file, ["fox.png"], ["people", "backgrounds"])

    with pytest.raises(DataError) as told:
        read()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "lora", "--style-images", "none", "--out", "X.SAFETENSORS"],
        ["convert", "none.SAFETENSORS", "X.SAFETENSORS", "--format", "kohya"],
        ["extract", "none.SAFETENSORS", "--out", "X.SAFETENSORS"],
        ["generate", "--prompt", "a", "--style", "none.SAFETENSORS"],
        ["generate", "--prompt", "a", "--base", "BASE"],
        ["evaluate", "none", "--reference", "none", "--features", "csd:FILE"],
    ],
    ids=" ".join,
)
def test_safetensors_in_capitals(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "X.SAFETENSORS"
    file.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    assert main([each.replace("BASE", str(file)).replace("FILE", str(file)) for each in arguments]) == 2
    told = capsys.readouterr().err
    assert "pickle" not in told
    assert "must end in" not in told


def test_the_program_survives_an_ascii_terminal() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "impasto", "styles", "λ"],
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr == rb"impasto: \u03bb does not exist: give a folder or a style file" + os.linesep.encode()


@pytest.mark.parametrize("out", ["photo.jpg", "photo.JPEG", "photo.webp", "x.json", "x.safetensors"])
@pytest.mark.parametrize("head", ["generate", "stylize", "mix", "transfer", "negative-style"])
def test_pictures_are_not_written_under_other_names(
    head: str, out: str, tiny_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, picture = tiny_folders["sdxl"], tmp_path / "0.png"
    Image.new("RGB", (32, 32)).save(picture)
    first = {
        "generate": (),
        "mix": ("--style", str(CASES / "none.safetensors")),
        "transfer": (str(picture), "--control", "style-aligned"),
    }.get(head, (str(picture),))
    code = main([head, *first, "--prompt", "a", "--base", str(base), "--out", str(tmp_path / out), "--dry-run"])
    assert code == 2
    told = capsys.readouterr().err
    if head in {"generate", "stylize", "transfer"}:  # the others lack a file in this test
        png = (tmp_path / out).with_suffix(".png")
        assert f"names no PNG, and PNG is written: {png}, or name a folder" in told
    assert not (tmp_path / out).exists()


@pytest.mark.parametrize("head", HEADS, ids=" ".join)
def test_a_zero_byte_in_a_path_is_refused(head: tuple[str, ...]) -> None:
    """A shell cannot give one, a TOML file can."""
    for name in (name for each, name in PATHS if each == head):
        with pytest.raises(ConfigError, match=f"{name}.* = .*holds a zero byte"):
            value_of(head, name, "a\0b")
