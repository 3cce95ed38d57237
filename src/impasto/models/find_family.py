"""From the name of a family, or of a pipeline's class, to the class of the family."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from impasto.core.errors import ConfigError
from impasto.core.plugins import load_class, plugin_names

if TYPE_CHECKING:
    from impasto.models.family_facts import SingleFile
    from impasto.models.latent_diffusion import LatentDiffusion

_FAMILIES = "impasto.models.families"


def family_names() -> list[str]:
    """Return all families; imports none of them."""
    return plugin_names(_FAMILIES)


def find_family(name: str) -> type[LatentDiffusion]:
    """Return the class of the family called `name`; raises `PluginError` that lists the known ones."""
    from impasto.models.latent_diffusion import LatentDiffusion

    return cast("type[LatentDiffusion]", load_class(_FAMILIES, name, LatentDiffusion))


def single_files() -> dict[str, SingleFile]:
    """Return how a checkpoint file of each family is known, for families that have such files."""
    found = {name: find_family(name).single_file for name in family_names()}
    return {name: known for name, known in found.items() if known is not None}


def family_of_pipeline(pipeline: str, where: str) -> str:
    """Return the family that a pipeline's class belongs to.

    Args:
        pipeline: Name of the class.
        where: What the base is called in messages.

    Raises:
        ConfigError: Its class is not supported.
    """
    families = {find_family(name).pipeline_class.__name__: name for name in family_names()}
    if pipeline not in families:
        raise ConfigError(
            f"base {where} is a {pipeline or 'model without _class_name'}: supported are {', '.join(families)}"
        )
    return families[pipeline]
