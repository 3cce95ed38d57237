"""Take from a style only the blocks that play one role: the style of a B-LoRA without its content, or the reverse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import Tensor

from impasto.adapters.low_rank import DOWN
from impasto.adapters.new_tokens import TOKEN
from impasto.core.errors import StyleFileError
from impasto.models.roles import Roles, role_of
from impasto.style.file import Style

_STYLE = "style"


def roles_present(tensors: Iterable[str], roles: Roles) -> list[str]:
    """Return the roles, in the order of `roles`, for which there is any tensor among the names."""
    found = {role for name in tensors if (role := _role_of(name, roles)) is not None}
    return [role for role in roles if role in found]


def _role_of(name: str, roles: Roles) -> str | None:
    """Return the role of a tensor, or None; text encoders play none."""
    network, _, path = name.partition(".")
    return None if network.startswith("text_encoder") else role_of(path, roles)


def of_role(tensors: Mapping[str, Tensor], role: str, roles: Roles) -> dict[str, Tensor]:
    """Return the tensors of the blocks that play `role`."""
    return {name: tensor for name, tensor in tensors.items() if _role_of(name, roles) == role}


def split_by_role(tensors: Mapping[str, Tensor], roles: Roles) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each role; what is in no role is left out."""
    return {role: of_role(tensors, role, roles) for role in roles}


def select_role(style: Style, role: str, roles: Roles, name: str) -> Style:
    """Return `style` with the blocks of `role` alone; its new words stay with the role "style", which they call.

    Args:
        style: Low-rank.
        role: For instance "content" or "style".
        roles: Blocks by role: those of the style's card or, for methods that know no roles, those of the base.
        name: What to call the style in messages.

    Raises:
        StyleFileError: The style has nothing for this role.
    """
    if not any(tensor.endswith(DOWN) for tensor in style.tensors):
        raise StyleFileError(
            f"style {name} holds full weights, from which no role can be taken: use it without @{role}, or make a "
            "low-rank style of it with impasto extract"
        )
    chosen = of_role(style.tensors, role, roles)
    if not chosen:
        present = ", ".join(roles_present(style.tensors, roles)) or "none"
        raise StyleFileError(f"style {name} has nothing for the role {role!r} (it has: {present}): choose one of these")
    rows = {name: each for name, each in style.tensors.items() if name.startswith(TOKEN)} if role == _STYLE else {}
    card = style.card if rows else style.card.model_copy(update={"new_tokens": ()})
    return replace(style, card=card, tensors=chosen | rows)
