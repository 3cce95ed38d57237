"""Adapters by short names: what is fetched, what is told when it cannot be, and that no name is a pickle's."""

from pathlib import Path

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

import small_adapters
from impasto.core.errors import ResourceError, UnsafeFile
from impasto.generation.transfer_options import TransferOptions
from impasto.image_prompts import published
from impasto.image_prompts.image_prompt import open_image_prompt
from impasto.image_prompts.published import PICKLED, PUBLISHED, located
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base


@pytest.fixture
def sdxl(tiny_folders: dict[str, Path]) -> LatentDiffusion:
    return open_base(str(tiny_folders["sdxl"]))


@pytest.mark.parametrize("name", ["ip-adapter", "ip-adapter-plus"])
def test_a_name_fetches_file_and_encoder_alone(
    sdxl: LatentDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def download(repository: str, allow_patterns: list[str]) -> str:
        asked.append((repository, allow_patterns))
        file = tmp_path / PUBLISHED[name].file
        file.parent.mkdir(parents=True)
        make = small_adapters.ip_adapter_plus if "plus" in name else small_adapters.ip_adapter
        small_adapters.save(make(sdxl.denoiser), file)
        small_adapters.encoder_folder(tmp_path / PUBLISHED[name].encoder)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    path = located(name)
    assert path == tmp_path / PUBLISHED[name].file
    encoder = PUBLISHED[name].encoder
    assert asked == [
        (PUBLISHED[name].repository, [PUBLISHED[name].file, f"{encoder}/*.json", f"{encoder}/model.safetensors"])
    ]
    assert open_image_prompt(path, sdxl).encoder.name == str(tmp_path / encoder)  # found where it was put


def test_without_network_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ResourceError, match=r"could not be fetched .* give the \.safetensors file"):
        located("ip-adapter")


@pytest.mark.parametrize("name", PICKLED)
def test_pickles_are_named_and_not_fetched(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(published, "_fetched", lambda *_: pytest.fail("fetched"))
    with pytest.raises(UnsafeFile, match=f"adapter {name} is published as a pickle"):
        located(name)


def test_files_come_before_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ip-adapter").touch()
    assert located("ip-adapter") == Path("ip-adapter")
    assert located("none.safetensors") == Path("none.safetensors")


def test_help_names_them_all() -> None:
    told = TransferOptions.model_fields["adapter"].description or ""
    assert all(name in told for name in PUBLISHED)
    assert all(each.file.endswith(".safetensors") for each in PUBLISHED.values())
