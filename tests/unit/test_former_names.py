"""What was written under former names is read under the present ones, and a line says so."""

from pathlib import Path

import pytest
import torch

from impasto.cli.main import main
from impasto.core.former_names import OPTIONS, former_or_present, with_present_names
from impasto.style.card import foreign_card
from impasto.style.file import Style, load_style, save_style
from impasto.training.options import TrainOptions


def test_every_former_name_leads_to_an_option_and_is_none_itself() -> None:
    assert set(OPTIONS.values()) <= set(TrainOptions.model_fields)
    assert not set(OPTIONS) & set(TrainOptions.model_fields)


def test_options_keep_values_and_order() -> None:
    values, note = with_present_names({"steps": 3, "pairs": 2, "seed": 0})
    assert list(values.items()) == [("steps", 3), ("batch_size", 2), ("seed", 0)]
    assert note == "written by an earlier version: pairs is batch_size now"
    assert with_present_names(values) == (values, "")


def test_a_folder_is_found_under_either_name(tmp_path: Path) -> None:
    present = tmp_path / "checkpoints"
    assert former_or_present(present) == present
    (tmp_path / "bundles").mkdir()
    assert former_or_present(present) == tmp_path / "bundles"
    present.mkdir()
    assert former_or_present(present) == present


def test_a_style_file_of_an_earlier_version_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = foreign_card("sdxl").model_copy(update={"config": {"pairs": 4, "rate_schedule": "cosine"}})
    tensors = {"unet.x.lora_A.weight": torch.ones(1, 2), "unet.x.lora_B.weight": torch.ones(3, 1)}
    save_style(tmp_path / "old.safetensors", Style(card, tensors))
    assert load_style(tmp_path / "old.safetensors").card.config["pairs"] == 4
    assert main(["styles", str(tmp_path / "old.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "batch_size 4" in out
    assert "pairs is batch_size now, rate_schedule is lr_schedule now" in out
