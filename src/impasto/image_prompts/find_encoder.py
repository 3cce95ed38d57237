"""Find the image encoder that an adapter was trained with: named, of the base, or beside the adapter."""

from __future__ import annotations

from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.image_prompts.formats._format import Contents
from impasto.image_prompts.image_encoder import (
    ImageEncoder,
    describe,
    encoder_of_base,
    load_encoder,
    read_widths,
    widths_of,
)
from impasto.models.latent_diffusion import LatentDiffusion


def find_encoder(named: str, adapter: Path, contents: Contents, base: LatentDiffusion) -> ImageEncoder:
    """Return an encoder whose features have the width that the adapter reads.

    Args:
        named: Folder or hub name, or "" to look at the base and beside the adapter: `image_encoder/`, and
            `../models/image_encoder/`, where the published IP-Adapters keep the smaller one of their two.
        adapter: Path of the adapter's file.
        contents: What is in it.
        base: Says device and precision, too.

    Raises:
        ConfigError: There is none, or none that fits.
        ResourceError: It could not be loaded.
    """
    misfits = []
    own = None if named else getattr(base.pipe, "image_encoder", None)
    if own is not None:
        width = widths_of(own.config).of(contents.features)
        if width == contents.feature_width:
            return encoder_of_base(own, getattr(base.pipe, "feature_extractor", None))
        misfits.append(f"that of the base gives width {width}")
    beside = (adapter.parent / "image_encoder", adapter.parent.parent / "models" / "image_encoder")
    for checkpoint in (named,) if named else tuple(str(folder) for folder in beside if folder.is_dir()):
        width = read_widths(checkpoint).of(contents.features)
        if width == contents.feature_width:
            return load_encoder(checkpoint, device=base.device, dtype=base.dtype)
        misfits.append(f"{checkpoint} gives width {width}")
    wanted = describe(contents.features, contents.feature_width)
    found = (
        f"image encoder {' and '.join(misfits)}" if misfits else f"no image encoder is in the base or in {beside[0]}"
    )
    raise ConfigError(f"adapter {adapter} reads {wanted}, {found}: name the encoder that the adapter was trained with")
