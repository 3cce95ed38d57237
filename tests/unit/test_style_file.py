"""Style files: what is saved is what is read, and what is not a sound style file is refused without harm."""

import errno
import json
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from impasto.adapters.patch import patched
from impasto.core.errors import BaseMismatch, ResourceError, StyleFileError, UnsafeFile
from impasto.models.fingerprint import Fingerprint
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.style import file as style_file
from impasto.style.card import CARD_KEY, Card
from impasto.style.file import Style, load_style, read_card, save_style, save_tensors

LAYER = "unet.mid_block.to_q"
DOWN, UP = f"{LAYER}.lora_A.weight", f"{LAYER}.lora_B.weight"


def card(**changes: object) -> Card:
    values: dict[str, object] = {
        "method": "styleforge",
        "paper": "2404.05256v2",
        "kind": "lora",
        "family": "sdxl",
        "base": "pocket",
        "fingerprint": Fingerprint(architecture="0123456789abcdef", signature=(0.25, 0.5)),
        "style_words": "zwx style",
        "steps": 7,
        "loss": 0.125,
        "config": {"rank": 2, "flips": False, "learning_rate": 1e-4, "base": "pocket", "resolution": None},
        "versions": {"torch": "2.10"},
        "pictures": {"style": ["ab", "cd"], "aux": []},
    }
    return Card.model_validate(values | changes)


def pair(rank: int = 2) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {DOWN: torch.randn((rank, 4), generator=rng), UP: torch.randn((6, rank), generator=rng)}


def write(path: Path, tensors: dict[str, torch.Tensor], text: str | None = None) -> Path:
    """A safetensors file with any tensors and any card."""
    save_file(tensors, path, metadata={CARD_KEY: card().model_dump_json() if text is None else text})
    return path


def raw(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fox.safetensors"


def refusal(path: Path, kind: type[StyleFileError], *, read: Callable[[Path], object] = load_style) -> str:
    with pytest.raises(StyleFileError) as refused:
        read(path)
    message = str(refused.value)
    assert type(refused.value) is kind
    assert message.startswith(f"style file {path} ")
    assert "\n" not in message
    assert re.search(r"train|download|works as --style|ask for|name a", message), f"no way out: {message}"
    return message


# Round trip


def test_what_is_saved_is_what_is_read(path: Path) -> None:
    tensors = pair() | {
        "new_token.text_encoder.zwx": torch.ones(1, 3),
        "delta.unet.bias": torch.ones(2, dtype=torch.float16),
    }
    style = Style(card(new_tokens=("zwx",), is_complete=False), tensors)
    save_style(path, style)
    loaded = load_style(path)
    assert loaded.card == style.card
    assert read_card(path) == style.card
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor)


def test_the_order_of_tensors_does_not_change_the_file(path: Path) -> None:
    def parts() -> tuple[object, bytes]:
        content = path.read_bytes()
        end = 8 + struct.unpack("<Q", content[:8])[0]
        return json.loads(content[8:end]), content[end:]

    save_style(path, Style(card(), pair()))
    first = parts()
    save_style(path, Style(card(), dict(reversed(pair().items()))))
    assert parts() == first


def test_tensors_need_not_be_contiguous(path: Path) -> None:
    save_style(path, Style(card(), {DOWN: pair()[DOWN], UP: pair()[UP].T.contiguous().T}))
    assert torch.equal(load_style(path).tensors[UP], pair()[UP])


def test_a_style_that_learnt_nothing_is_a_file_all_the_same(path: Path) -> None:
    save_style(path, Style(card(steps=0), {}))
    assert load_style(path) == Style(card(steps=0), {})


def test_a_card_of_a_newer_version_may_say_more(path: Path) -> None:
    text = json.dumps(json.loads(card().model_dump_json()) | {"mood": "cheerful"})
    assert read_card(write(path, pair(), text)) == card()


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580, 0x010280])
def test_a_header_length_that_reads_like_a_pickle_is_no_pickle(path: Path, length: int) -> None:
    """A header of 640 bytes begins the file with 80 02, as pickles of protocol 2 begin."""
    metadata = {"__metadata__": {CARD_KEY: card(style_words="").model_dump_json()}}
    short = len(json.dumps(metadata))
    if short > length:
        metadata = {"__metadata__": {CARD_KEY: "{}"}}
    header = json.dumps(metadata).encode().ljust(length)
    raw(path, header)
    assert path.read_bytes()[0] == 0x80
    if short > length:
        assert "damaged card" in refusal(path, StyleFileError)
    else:
        assert load_style(path).card.steps == 7


# Missing


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "does not exist: name a .safetensors file" in refusal(tmp_path / "none.safetensors", StyleFileError)
    assert "is a folder: name a .safetensors file" in refusal(tmp_path, StyleFileError)


# Not safetensors


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_is_refused_unread(path: Path, protocol: int) -> None:
    """Protocol 4 and 5 begin with a frame; both forms would call os.system when unpickled."""
    body = b"cos\nsystem\nX\x0c\x00\x00\x00touch harmed\x85R."
    frame = b"\x95" + struct.pack("<Q", len(body)) if protocol >= 4 else b""
    path.write_bytes(b"\x80" + bytes([protocol]) + frame + body)
    message = refusal(path, UnsafeFile)
    assert "is a pickle, which can run code when read: only .safetensors is read" in message
    assert not (path.parent / "harmed").exists()


def test_zip_of_pickles_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fox/data.pkl", b"\x80\x02.")
    assert "is a pickle" in refusal(path, UnsafeFile)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its header is damaged"),
        (b"\x02\x00\x00", "its header is damaged"),
        (b"GIF89a, or something else", "its header is damaged"),
        (b"\xff" * 100, "its header is damaged"),
        (struct.pack("<Q", 2**63) + b"{}", "its header is damaged"),
        (struct.pack("<Q", 1000) + b"{}", "its header is damaged"),
        (struct.pack("<Q", 0) + b"{}", "its header is damaged"),
        (struct.pack("<Q", 6) + b"no way", "its header is not JSON"),
        (struct.pack("<Q", 6) + b"\xff\xfe\xfd\xfc\xfb\xfa", "its header is not JSON"),
        (struct.pack("<Q", 100_000) + b"[" * 100_000, "its header is not JSON"),
        (struct.pack("<Q", 10_006) + b'{"a":' + b"9" * 10_000 + b"}", "its header is not JSON"),
        (struct.pack("<Q", 6) + b"[1, 2]", "its header is not a table"),
    ],
    ids="empty short text garbage absurd beyond-the-end zero words bytes nested digits list".split(),
)
def test_what_is_no_safetensors_file(path: Path, content: bytes, why: str) -> None:
    path.write_bytes(content)
    for read in (load_style, read_card):
        message = refusal(path, UnsafeFile, read=read)
        assert "is not a safetensors file" in message
        assert why in message


def test_header_larger_than_any_style_needs(path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", 65 * 2**20))
        stream.truncate(66 * 2**20)  # sparse
    assert "its header is damaged" in refusal(path, UnsafeFile)


def test_truncated_anywhere(path: Path) -> None:
    save_style(path, Style(card(), pair()))
    whole = path.read_bytes()
    for end in [*range(0, len(whole), 61), len(whole) - 1]:
        path.write_bytes(whole[:end])
        refusal(path, UnsafeFile)
    path.write_bytes(whole + b"more")
    assert "is damaged" in refusal(path, UnsafeFile)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**40]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F999", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32"},
        "nothing",
    ],
    ids="huge-shape beyond-the-end negative unknown-type incomplete no-table".split(),
)
def test_impossible_tensors(path: Path, entry: object) -> None:
    header = {"__metadata__": {CARD_KEY: card().model_dump_json()}, "x": entry}
    message = refusal(raw(path, json.dumps(header).encode(), b"\0\0\0\0"), UnsafeFile)
    assert "is damaged" in message


# No card, or a bad one


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}], ids=["none", "others"])
def test_style_of_another_tool(path: Path, metadata: dict[str, str] | None) -> None:
    save_file(pair(), path, metadata=metadata)
    assert "has no impasto card: it was made by another tool" in refusal(path, StyleFileError, read=read_card)
    assert "is not part of a plain LoRA for SD 1.5 or SDXL" in refusal(path, StyleFileError)


@pytest.mark.parametrize("metadata", ["words", ["impasto"], {CARD_KEY: 7}, {CARD_KEY: None}])
def test_metadata_of_a_wrong_kind(path: Path, metadata: object) -> None:
    raw(path, json.dumps({"__metadata__": metadata}).encode())
    assert "has no impasto card" in refusal(path, StyleFileError, read=read_card)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "card: "),
        ("{", "card: "),
        ("[]", "card: "),
        ("{}", "method: "),
        (card().model_dump_json().replace('"steps":7', '"steps":"all"'), "steps: "),
        (card().model_dump_json().replace('"loss":0.125', '"loss":null'), "loss: "),
        (card().model_dump_json().replace('"signature":[0.25,0.5]', '"signature":"x"'), "fingerprint.signature: "),
    ],
    ids="empty cut list nothing steps loss fingerprint".split(),
)
def test_damaged_card(path: Path, text: str, field: str) -> None:
    assert f"has a damaged card ({field}" in refusal(write(path, pair(), text), StyleFileError)


# Bad tensors


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_values_that_are_no_numbers(path: Path, value: float, dtype: torch.dtype) -> None:
    tensors = pair()
    tensors[UP][1, 1] = value
    message = refusal(write(path, {**tensors, UP: tensors[UP].to(dtype)}), StyleFileError)
    assert f"is damaged ({UP} holds values that are not finite numbers)" in message


def test_8_bit_floats_are_examined_too(path: Path) -> None:
    odd = torch.tensor([float("nan"), 1]).to(torch.float8_e4m3fn)
    assert "(delta.unet.bias holds values" in refusal(write(path, {"delta.unet.bias": odd}), StyleFileError)


def test_whole_numbers_are_no_weights(path: Path) -> None:
    whole = {"delta.unet.bias": torch.ones(3, dtype=torch.int64)}
    assert "(delta.unet.bias holds values" in refusal(write(path, whole), StyleFileError)


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({DOWN: torch.ones(2, 4)}, f"{DOWN} has no lora_B of a fitting shape"),
        ({UP: torch.ones(6, 2)}, f"{UP} has no lora_A"),
        ({DOWN: torch.ones(2, 4), UP: torch.ones(6, 3)}, f"{DOWN} has no lora_B of a fitting shape"),
        ({DOWN: torch.ones(2, 4), UP: torch.ones(2)}, f"{DOWN} has no lora_B of a fitting shape"),
        ({DOWN: torch.ones(2, 4), UP: torch.ones(6, 2, 1, 1)}, f"{DOWN} has no lora_B of a fitting shape"),
        ({DOWN: torch.ones(2, 4, 3, 3), UP: torch.ones(6, 2, 3, 3)}, f"{DOWN} has no lora_B of a fitting shape"),
    ],
    ids="no-B no-A ranks vector dimensions kernel".split(),
)
def test_halves_that_do_not_fit(path: Path, tensors: dict[str, torch.Tensor], told: str) -> None:
    assert f"is damaged ({told})" in refusal(write(path, tensors), StyleFileError)


# A full disk


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["OSError", "SafetensorError"],
)
def test_full_disk_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    save_style(path, Style(card(), pair()))

    def fill(_tensors: object, staging: Path, **_: object) -> None:
        staging.write_bytes(b"half")
        raise error

    monkeypatch.setattr(style_file, "save_file", fill)
    with pytest.raises(ResourceError, match=r"cannot write .*fox\.safetensors: no space left on the disk, free some"):
        save_style(path, Style(card(steps=8), pair(rank=3)))
    assert load_style(path).card.steps == 7
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_huge_product_is_refused_before_it_is_computed(sdxl: LatentDiffusion) -> None:
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    tensors = {f"{name}.lora_A.weight": torch.zeros(1, 10**6), f"{name}.lora_B.weight": torch.zeros(10**6, 1)}
    with pytest.raises(BaseMismatch, match="this base has"), patched(sdxl.networks(), [(tensors, 1.0)]):
        pass


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    """safetensors writes what a file says of itself in random order: a run that was ended and resumed would differ."""
    said = {f"key-{number}": 'zwx Stil, größer: "é"\n\x01' for number in range(6)}
    paths = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for path in paths:
        save_tensors(path, pair(), said)
    assert len({path.read_bytes() for path in paths}) == 1
    with safe_open(paths[0], "pt") as opened:
        assert opened.metadata() == {**said, "format": "pt"}
        assert all(torch.equal(opened.get_tensor(name), tensor) for name, tensor in pair().items())
