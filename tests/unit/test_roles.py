"""Roles of blocks: read from a base folder, asked for by methods."""

import json
from pathlib import Path

import pytest

import tiny
from impasto.core.errors import ConfigError
from impasto.models.families.sdxl import SDXL_ROLES
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import wrap_pipeline
from impasto.models.roles import blocks_of, read_roles, role_of

ROLES = {"content": ("up_blocks.0.attentions.0",), "style": ("up_blocks.0.attentions.1", "mid_block.attentions.0")}


def test_read_what_a_folder_states(tmp_path: Path) -> None:
    assert read_roles(tmp_path) is None
    (tmp_path / "roles.json").write_text(json.dumps({"roles": ROLES, "evidence": {"style": {"clear": True}}}))
    assert read_roles(tmp_path) == ROLES


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"roles": ["style"]}', '{"roles": {"style": 3}}', '{"roles": {"style": "mid_block"}}'],
)
def test_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "roles.json").write_text(text)
    with pytest.raises(ConfigError, match=r"roles.json is damaged .*mend it, or make it again with impasto probe"):
        read_roles(tmp_path)


def test_a_pipeline_from_no_folder_has_the_roles_of_its_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roles.json").write_text(json.dumps({"roles": ROLES}))
    monkeypatch.chdir(tmp_path)
    assert wrap_pipeline(tiny.sdxl()).roles == SDXL_ROLES


def test_blocks_of_wanted_roles(sdxl: LatentDiffusion) -> None:
    assert blocks_of(ROLES, ["style"], sdxl.denoiser) == {"style": ROLES["style"]}
    with pytest.raises(ConfigError, match=r"role 'layout' is not known for this base \(known: content, style\)"):
        blocks_of(ROLES, ["layout"], sdxl.denoiser)
    with pytest.raises(ConfigError, match=r"played by up_blocks.7.attentions.0, which this base does not have"):
        blocks_of({"style": ("up_blocks.7.attentions.0",)}, ["style"], sdxl.denoiser)


def test_role_of_a_module() -> None:
    assert role_of("up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q", ROLES) == "style"
    assert role_of("up_blocks.0.attentions.0", ROLES) == "content"
    assert role_of("up_blocks.0.attentions.10", ROLES) is None
