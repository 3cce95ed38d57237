"""What a converted file says about itself in its header: card, `modelspec.…`, and kohya's `ss_…`.

Field names: ModelSpec by Stability AI (sai_model_spec 1.0), and what the training scripts of kohya write.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from impasto.adapters.low_rank import DOWN
from impasto.models.family_facts import FileNames
from impasto.style.card import CARD_KEY, Card
from impasto.style.formats.format import Format
from impasto.style.formats.vocabulary import file_names

_SPEC, _KOHYA = "modelspec.", "ss_"
_STALE = {"modelspec.hash_sha256"}  # of the file that was read


def header_of(
    form: Format, family: str | None, title: str, tensors: Mapping[str, Tensor], inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the header's fields without the card. No time stands in it: the same file comes out the same.

    Args:
        form: The format that is written.
        family: Family of the base, or None when nothing tells it.
        title: How the file calls itself.
        tensors: A and B under impasto's names, of which the ranks are needed.
        inherited: Header of the file that was read: author, licence and training of another tool's file are kept.
    """
    names = None if family is None else file_names().get(family)
    spec = {
        "modelspec.sai_model_spec": "1.0.0",
        **{key: text for key, text in inherited.items() if key.startswith(_SPEC) and key not in _STALE},
        "modelspec.implementation": form.implementation,
        "modelspec.title": title,
    }
    if names is not None:
        spec["modelspec.architecture"] = names.architecture
    if "modelspec.architecture" not in spec:
        spec = {}  # the specification requires it, and nothing tells
    if form.has_training_fields:
        spec |= {key: text for key, text in inherited.items() if key.startswith(_KOHYA)}
        spec |= _kohya_fields(names, title, tensors)
    return spec


def card_fields(form: Format, card: Card) -> dict[str, str]:
    """Return the card and the fields that repeat it for other tools."""
    fields = {CARD_KEY: card.model_dump_json()}
    content = card.content_words if "content" in card.roles else ""
    style = card.style_words if "style" in card.roles or not card.roles else ""
    if content or style:
        fields["modelspec.trigger_phrase"] = ", ".join(words for words in (content, style) if words)
    resolution = card.config.get("resolution")
    if isinstance(resolution, int):
        fields["modelspec.resolution"] = f"{resolution}x{resolution}"
    if form.has_training_fields:
        fields |= {"ss_sd_model_name": card.base, "ss_steps": str(card.steps)}
    return fields


def _kohya_fields(names: FileNames | None, title: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    ranks = {tensor.shape[0] for name, tensor in tensors.items() if name.endswith(DOWN)}
    rank = str(ranks.pop()) if len(ranks) == 1 else "Dynamic"  # kohya's word for ranks that differ
    fields = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": rank,
        "ss_network_alpha": rank,  # α / r is folded into the matrices
        "ss_output_name": title,
        "ss_v2": "False",
    }
    if names is not None:
        fields["ss_base_model_version"] = names.kohya_base
    return fields
