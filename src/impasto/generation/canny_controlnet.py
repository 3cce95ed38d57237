"""The edges of a picture as what a Canny ControlNet follows: to draw its content in another style, or in none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image

from impasto.core.errors import ConfigError
from impasto.data.edges import CANNY, canny_edges
from impasto.models.controlnet import Structure, open_controlnet, own_controlnet
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.source import POCKET, Source

Colours: TypeAlias = Literal["auto", "grey", "colour"]
"""Where edges are looked for."""


@dataclass(frozen=True, slots=True)
class Edges:
    """How edges are found and followed.

    Attributes:
        controlnet: Folder or hub name.
        scale: How strictly they are followed.
        thresholds: Lower and upper one of Canny.
        colours: "auto" is grey, as published ControlNets were trained, and in colour on pocket.
    """

    controlnet: str
    scale: float
    thresholds: tuple[int, int] = CANNY
    colours: Colours = "auto"


@dataclass(frozen=True, slots=True)
class Followed:
    """Edges that were found.

    Attributes:
        hook: Adds the ControlNet's residuals while a picture is drawn.
        rows: What the plan says of it.
        facts: What a picture's sidecar says of it.
    """

    hook: Structure
    rows: tuple[tuple[str, str], ...]
    facts: dict[str, object]


def named_controlnet(named: str, base: str, source: Source, instead: str = "") -> str:
    """Return the ControlNet that is named, or the base's own.

    Args:
        named: The ControlNet as the user named it, or empty.
        base: The base as the user named it.
        source: Where the base is from.
        instead: Another way out, for the message.

    Raises:
        ConfigError: None is named, and the base brings none.
    """
    own = None if source.is_single_file else own_controlnet(Path(source.location))
    if not named and own is None:
        raise ConfigError(
            f"base {base} has no ControlNet of its own (controlnet/ is not in its folder): name one with "
            f"--controlnet DIR{instead}"
        )
    return named or str(own)


def follow(edges: Edges, image: Image.Image, base: LatentDiffusion, source: Source, name: str) -> Followed:
    """Return the hook that lets a drawing follow the edges of `image`, which has the size that is drawn.

    Args:
        edges: How edges are found and followed.
        image: The picture whose edges are followed.
        base: The base to draw with.
        source: Where the base is from.
        name: What messages call the picture.

    Raises:
        ConfigError: There are no edges, or the ControlNet is for another base.
        ResourceError: The ControlNet could not be loaded.
    """
    in_colour = edges.colours == "colour" or (edges.colours == "auto" and source.recipe == POCKET)
    low, high = edges.thresholds
    lines = canny_edges(image, low, high, in_colour=in_colour)
    if not lines.any():
        raise ConfigError(f"--edges {low} {high} finds none in {name}: lower them")
    rows = (
        ("edges", f"{lines[0].mean():.1%} of the picture, thresholds {low} and {high}"),
        ("ControlNet", f"{edges.controlnet} x {edges.scale:g}"),
    )
    facts: dict[str, object] = {
        "controlnet": Path(edges.controlnet).name,
        "conditioning_scale": edges.scale,
        "edges": [low, high],
        "edges_in": "colour" if in_colour else "grey",
    }
    return Followed(Structure(open_controlnet(edges.controlnet, base), lines, edges.scale), rows, facts)
