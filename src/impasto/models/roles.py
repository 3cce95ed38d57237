"""Which blocks of a denoiser play which role: "content", "style", "layout".

Methods ask for roles, never for block names.

A family says what is known of its checkpoints; a base folder may say it of itself in `roles.json`, which
`impasto probe` writes from measurements.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from torch import nn

from impasto.core.errors import ConfigError

Roles: TypeAlias = Mapping[str, Sequence[str]]
"""Paths in the denoiser by role."""

ROLES_FILE = "roles.json"

ALL = "all"
"""In place of a role: every block."""


def read_roles(folder: Path) -> Roles | None:
    """Return the roles that a base folder states, or None when it states none.

    Raises:
        ConfigError: The file is damaged.
    """
    path = folder / ROLES_FILE
    return roles_in(path) if path.is_file() else None


def roles_in(path: Path) -> Roles:
    """Return the roles that a file states; raises `ConfigError` if it is missing or damaged."""
    if not path.is_file():
        raise ConfigError(f"{path} does not exist: name a roles.json that impasto probe wrote")
    try:
        stated = json.loads(path.read_text("utf-8"))["roles"]
        if not all(isinstance(blocks, list) for blocks in stated.values()):
            raise TypeError("the blocks of a role are no list")
        return {str(role): tuple(str(block) for block in blocks) for role, blocks in stated.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is damaged ({error}): it must be JSON such as "
            '{"roles": {"style": ["up_blocks.0.attentions.1"]}}; '
            "mend it, or make it again with impasto probe"
        ) from error


def blocks_of(roles: Roles, wanted: Iterable[str], denoiser: nn.Module) -> dict[str, tuple[str, ...]]:
    """Return the blocks of each wanted role.

    Raises:
        ConfigError: The base has no such role, or not the block that is said to play it.
    """
    modules = {path for path, _ in denoiser.named_modules()}
    found = {}
    for role in wanted:
        if role not in roles:
            known = ", ".join(roles) or "none"
            raise ConfigError(
                f"role {role!r} is not known for this base (known: {known}): measure its blocks with impasto probe"
            )
        missing = [block for block in roles[role] if block not in modules]
        if missing:
            raise ConfigError(
                f"role {role!r} is said to be played by {missing[0]}, which this base does not have: "
                "measure its blocks with impasto probe"
            )
        found[role] = tuple(roles[role])
    return found


def check_roles(roles: Roles, wanted: Iterable[str], denoiser: nn.Module) -> None:
    """Raise `ConfigError` if a wanted role other than `ALL` is unknown, or played by a block that is not there."""
    blocks_of(roles, [role for role in wanted if role != ALL], denoiser)


def plays(own: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether a block of the roles `own` is among those that play a wanted one."""
    return ALL in wanted or any(role in wanted for role in own)


def role_of(module_path: str, roles: Roles) -> str | None:
    """Return the role whose blocks hold the module at `module_path`, or None."""
    for role, blocks in roles.items():
        if any(module_path == block or module_path.startswith(block + ".") for block in blocks):
            return role
    return None
