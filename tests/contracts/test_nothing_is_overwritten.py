"""One rule for every command: a file that exists is refused, in a line that names --overwrite, or replaced with it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from command_models import heads, model_of
from conftest import write_pictures
from impasto.cli.main import main
from impasto.core.errors import ConfigError
from impasto.core.files import free_name, refuse_existing
from impasto.core.paths import is_folder_option
from impasto.generation.transfer_options import TransferOptions, check_transfer

GO_ON = {"probe", "compare", "aux", "demo"}
"""These write into a folder of their own: probe and compare go on with what is there, aux refuses any folder that
exists, the demonstration says in its plan that its style file is replaced."""
KEPT = b"something that somebody made"


@pytest.mark.parametrize("head", [*heads()], ids=" ".join)
def test_every_command_that_writes_a_file_knows_overwrite(head: tuple[str, ...]) -> None:
    fields = model_of(head).model_fields
    if "out" not in fields:
        return
    assert ("overwrite" in fields) is not is_folder_option(fields["out"].metadata)
    assert "overwrite" in fields or head[0] in GO_ON


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, tiny_folders: dict[str, Path]) -> Mapping[str, str]:
    """A base, pictures, a low-rank style and a full one."""
    folder = tmp_path_factory.mktemp("given")
    pictures, base = write_pictures(folder / "pictures", 3), str(tiny_folders["sdxl"])
    shared = ("--base", base, "--style-images", str(pictures), "--steps", "1", "--sample-every", "0", "--device", "cpu")
    for learn in ("lora", "full"):
        told = (
            *shared,
            "--learn",
            learn,
            "--out",
            str(folder / f"{learn}.safetensors"),
            "--run-dir",
            str(folder / learn),
        )
        assert main(["train", "styleforge", *told]) == 0
    styles = {learn: str(folder / f"{learn}.safetensors") for learn in ("lora", "full")}
    return {"base": base, "pictures": str(pictures), "picture": str(pictures / "0.png")} | styles


COMMANDS = {
    "train": "train styleforge --base {base} --style-images {pictures} --steps 1 --sample-every 0 --learn lora "
    "--run-dir {folder}/run --device cpu --out {folder}/x.safetensors",
    "generate": "generate --base {base} --prompt a --steps 1 --out {folder}/x.png",
    "stylize": "stylize {picture} --base {base} --prompt a --steps 2 --out {folder}/x.png",
    "extract": "extract {full} --out {folder}/x.safetensors",
    "convert": "convert {lora} {folder}/x.safetensors --format kohya",
    "styles": "styles {lora} --base {base} --preview {folder}/x.png",
    "subdivide": "subdivide {pictures} --out {folder}/x.csv",
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_what_exists_is_refused_or_replaced_on_request(
    command: str, given: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = COMMANDS[command].format(**given, folder=tmp_path).split()
    target = next(Path(each) for each in line if each.startswith(f"{tmp_path}/x."))
    target.write_bytes(KEPT)
    assert main(line) == 2
    assert (
        f"{target} exists: --overwrite replaces it, or choose another name, for example x-2" in capsys.readouterr().err
    )
    assert target.read_bytes() == KEPT
    assert main([*line, "--overwrite"]) == 0
    assert target.read_bytes() != KEPT


def test_the_sidecar_of_a_picture_counts_too(given: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(KEPT)
    assert main(COMMANDS["generate"].format(**given, folder=tmp_path).split()) == 2
    assert (tmp_path / "x.json").read_bytes() == KEPT


def test_the_sheet_of_a_folder_of_references_has_no_file_to_replace(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "references", 1)
    options = TransferOptions(reference=(str(folder),), prompt=("a fox",), out=tmp_path / "x.png")
    with pytest.raises(ConfigError, match=r"x.png is one picture, a folder of references makes a sheet too: name a"):
        check_transfer(options, "style_studio", 1)


def test_evaluate_refuses_a_report_that_exists(given: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({}))
    line = f"evaluate {given['pictures']} --features strokes --out {tmp_path}/x.json".split()
    assert main(line) == 2


def test_convert_onto_its_own_input_is_refused(given: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(given["lora"]).read_bytes()
    assert main(["convert", given["lora"], given["lora"], "--format", "kohya"]) == 2
    assert "exists: --overwrite replaces it" in capsys.readouterr().err
    assert Path(given["lora"]).read_bytes() == before


def test_free_names(tmp_path: Path) -> None:
    target = tmp_path / "x.png"
    refuse_existing(target, "--out", overwrite=False)
    for name in ("x.png", "x-2.png"):
        (tmp_path / name).touch()
    assert free_name(target) == tmp_path / "x-3.png"
    refuse_existing(target, "--out", overwrite=True)
    with pytest.raises(ConfigError, match=r"for example x-3\.png"):
        refuse_existing(target, "--out", overwrite=False)
