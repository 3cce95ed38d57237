"""Damage files as disks, networks and people do: bytes, structure of a safetensors header, values of JSON and TOML."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import TypeAlias, cast

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
_SCALARS: list[Json] = [None, True, -1, 0, 1, 2**31, 2**63, 10**40, 0.5, 1e308]
_NESTED: list[Json] = [[], {}, [[]], [None], {"": ""}]
_TEXTS = [
    "",
    "x",
    "\n",
    "../../x",
    "/etc/passwd",
    "a" * 5000,
    "zwx\u0000",
    "\ud7ff",
    "pack:x",
    "nan",
    "cuda:9",
    "--help",
]
STRANGE: list[Json] = [*_SCALARS, *_NESTED, *_TEXTS]
_STRANGE_SIZES = [0, 1, 2**20, 2**27, 2**40, 2**63, 2**64 - 1]


def _flip(data: bytearray, _at: int, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(data: bytearray, at: int, _rng: random.Random) -> None:
    del data[at:]


def _hole(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.randint(1, 64)]


def _insert(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = rng.randbytes(rng.randint(1, 64))


def _repeat(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = data[at : at + rng.randint(1, 256)]


def _overwrite(data: bytearray, at: int, rng: random.Random) -> None:
    length = min(rng.randint(1, 64), len(data) - at)
    data[at : at + length] = bytes([rng.choice([0, 255, 0x7F, 0x22])]) * length


_DAMAGES: list[Callable[[bytearray, int, random.Random], None]] = [_flip, _cut, _hole, _insert, _repeat, _overwrite]


def mutate_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Return `raw` with one to four small or large damages."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_DAMAGES)(data, rng.randrange(len(data) + 1), rng)
    return bytes(data)


def mutate_head(raw: bytes, rng: random.Random, head: int = 64) -> bytes:
    """Return `raw` with damage in its first bytes, where formats keep sizes."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(min(head, len(data)))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(data)


def mutate_value(value: Json, rng: random.Random, depth: int = 0) -> Json:
    """Return a JSON value in which one place is strange, missing, renamed or exchanged."""
    if isinstance(value, dict) and value and (depth == 0 or rng.random() < 0.85):
        return _mutate_table(value, rng, depth)
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return [*value[:at], mutate_value(value[at], rng, depth + 1), *value[at + 1 :]]
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.5:
        return rng.choice([value + 1, value - 1, -value, value * 2, value << 40])
    return rng.choice(STRANGE)


def mutate_table(table: dict[str, Json], rng: random.Random) -> dict[str, Json]:
    """Return a table in which one place is strange, missing, renamed or exchanged."""
    return _mutate_table(table, rng, 0) if table else {"x": rng.choice(STRANGE)}


def _mutate_table(table: dict[str, Json], rng: random.Random, depth: int) -> dict[str, Json]:
    key, change = rng.choice(list(table)), rng.randrange(8)
    if change == 0:
        return {name: each for name, each in table.items() if name != key}
    if change == 1:
        renamed = key + rng.choice(["x", ".", "/", " "])
        return {(renamed if name == key else name): each for name, each in table.items()}
    if change == 2:
        return table | {key: table[rng.choice(list(table))]}
    return table | {key: mutate_value(table[key], rng, depth + 1)}


def mutate_safetensors(raw: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with a mutated header (also the JSON in it), or mutated bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(raw, rng)
    (length,) = struct.unpack("<Q", raw[:8])
    header = cast("dict[str, Json]", json.loads(raw[8 : 8 + length]))
    payload = raw[8 + length :]
    for _ in range(rng.randint(1, 3)):
        header = _mutate_header(header, rng)
    if rng.random() < 0.3 and payload:  # values that are no numbers
        at = rng.randrange(len(payload))
        payload = payload[:at] + b"\xff" * 8 + payload[at + 8 :]
    text = json.dumps(header).encode()
    size = rng.choice(_STRANGE_SIZES) if rng.random() < 0.1 else len(text)
    return struct.pack("<Q", size) + text + payload


def _mutate_header(header: dict[str, Json], rng: random.Random) -> dict[str, Json]:
    texts = header.get("__metadata__")
    if isinstance(texts, dict) and rng.random() < 0.5:
        inner = [key for key, text in texts.items() if isinstance(text, str) and text[:1] == "{"]
        if inner:
            key = rng.choice(inner)
            return header | {"__metadata__": texts | {key: json.dumps(mutate_value(json.loads(str(texts[key])), rng))}}
    return mutate_table(header, rng)


def to_toml(values: dict[str, Json]) -> str:
    """Return `values` as flat TOML; what TOML cannot say is written as a text."""
    lines = []
    for name, value in values.items():
        is_plain = isinstance(value, bool | int | float | str | list)
        lines.append(f"{name} = {json.dumps(value if is_plain else str(value))}")
    return "\n".join(lines) + "\n"
