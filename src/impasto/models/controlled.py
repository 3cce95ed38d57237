"""Let a control decide attention inside the denoiser, for the length of a `with`.

Every attention layer gets a processor that hands over to the one that it replaces wherever the control does nothing,
so that the result is then the stock one to the last bit. Afterwards the very same processors are back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from impasto.core.errors import ConfigError
from impasto.models.attention_layers import AttentionLayer
from impasto.models.control import Control
from impasto.models.forward_context import Attended, ForwardContext, ShownImages
from impasto.models.image_tokens import ImageTokens
from impasto.models.joint_norms import joint_norms
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.regions import at_places

_KNOWN = (AttnProcessor, AttnProcessor2_0)


@contextmanager
def controlled(base: LatentDiffusion, control: Control) -> Iterator[LatentDiffusion]:
    """Let `control` decide attention for the length of the block.

    Args:
        base: Its processors are put back afterwards, also after an exception.
        control: Asked at every attention layer of a pass that comes with a `ForwardContext`; other passes are stock.

    Raises:
        ConfigError: The base lacks what the control needs, or its processors are not the stock ones.
    """
    control.check(base)
    layers = base.attention_layers()
    modules = {layer: cast(Attention, base.denoiser.get_submodule(name)) for name, layer in layers.items()}
    for layer, module in modules.items():
        _refuse_foreign(layer, module)
    with ExitStack() as stack:
        for layer, module in modules.items():
            stock = module.processor
            stack.callback(module.set_processor, stock)
            module.set_processor(_Processor(stock, layer, control))  # type: ignore[arg-type]  # takes any processor
        if control.may_join_norms:
            stack.enter_context(joint_norms(base.denoiser, control.joins_norms))
        yield base


def check_image(image: ImageTokens, base: LatentDiffusion) -> None:
    """Raise `ConfigError` when `image` was made by an adapter for another network."""
    layers = base.attention_layers()
    for name, (to_k, _) in image.projections.items():
        if name not in layers or layers[name].kind != "cross":
            raise ConfigError(
                f"the image prompt has weights for {name}, which is no cross-attention of this base: "
                "use an adapter that was made for its family"
            )
        module = cast(Attention, base.denoiser.get_submodule(name))
        if to_k.out_features != module.to_k.out_features or to_k.in_features != image.tokens.shape[-1]:
            raise ConfigError(
                f"the image prompt does not fit {name}: its keys are {to_k.in_features} -> {to_k.out_features}, the "
                f"picture's tokens have {image.tokens.shape[-1]} channels and the layer {module.to_k.out_features}: "
                "use an adapter that was made for this base"
            )


def _refuse_foreign(layer: AttentionLayer, module: Attention) -> None:
    processor: object = module.processor  # of more classes than diffusers states
    if type(processor) is _Processor:
        raise ConfigError("a control is already installed on this base: leave its `with` before the next one")
    if not isinstance(processor, _KNOWN):
        kind = type(processor).__name__
        raise ConfigError(
            f"attention {layer.name} has the processor {kind}, which a control cannot stand in for: unload it first, "
            "for instance with pipe.unload_ip_adapter(), or by set_default_attn_processor() of the pipeline's denoiser"
        )


class _Processor:
    """Stands in for a stock processor at one layer."""

    def __init__(self, stock: AttnProcessor2_0 | AttnProcessor, layer: AttentionLayer, control: Control) -> None:
        self._stock, self._layer, self._control = stock, layer, control

    def __call__(
        self,
        attn: Attention,
        hidden_states: Float[Tensor, "rows tokens channels"],
        encoder_hidden_states: Float[Tensor, "rows words width"] | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        context: ForwardContext | None = None,
    ) -> Float[Tensor, "rows tokens channels"]:
        """Return what the layer adds; `context` arrives by way of `cross_attention_kwargs`."""
        if context is not None and attention_mask is None:
            shown = self._shown(context)
            if shown or self._is_touched(context):
                return self._attend(attn, hidden_states, encoder_hidden_states, context, shown)
        stock: Tensor = self._stock(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        return stock

    def _is_touched(self, context: ForwardContext) -> bool:
        has_counterpart = self._control.counterpart(self._layer, context) is not None
        return has_counterpart or self._control.touches(self._layer, context)

    def _shown(self, context: ForwardContext) -> list[ShownImages]:
        if self._layer.kind != "cross" or not self._control.shows(self._layer, context):
            return []
        found = []
        for each in context.shown:
            images = tuple(image for image in each.images if self._layer.name in image.projections and image.scale != 0)
            if images:
                found.append(ShownImages(each.rows, images))
        return found

    def _attend(
        self,
        attn: Attention,
        hidden: Float[Tensor, "rows tokens channels"],
        words: Float[Tensor, "rows words width"] | None,
        context: ForwardContext,
        shown: list[ShownImages],
    ) -> Float[Tensor, "rows tokens channels"]:
        control, layer = self._control, self._layer
        source = hidden if words is None else words
        counterpart = control.counterpart(layer, context)
        if counterpart is None:
            q, k = attn.to_q(hidden), attn.to_k(source)
        else:  # only the rows that lend need a query and a key
            q = attn.to_q(hidden[counterpart.lenders])[counterpart.index]
            k = attn.to_k(source[counterpart.lenders])[counterpart.index]
        query, key, value = (_split(attn, each) for each in (q, k, attn.to_v(source)))
        attended = (
            control.attend(layer, context, query, key, value)
            if control.touches(layer, context)
            else scaled_dot_product_attention(query, key, value)
        )
        text = _merge(attended).to(query.dtype)
        for each in shown:
            asking, answered = _rows_of(query, each), _rows_of(text, each)
            styles = [self._to_image(attn, asking, image) for image in each.images]
            text = _with_rows(text, each, control.combine(layer, context, answered, styles))
        out: Tensor = attn.to_out[1](attn.to_out[0](text))
        return out / float(attn.rescale_output_factor)

    def _to_image(self, attn: Attention, query: Float[Tensor, "rows heads tokens dim"], image: ImageTokens) -> Attended:
        to_k, to_v = image.projections[self._layer.name]
        key, value = _split(attn, to_k(image.tokens)), _split(attn, to_v(image.tokens))
        output = _merge(scaled_dot_product_attention(query, key, value)).to(query.dtype)
        if image.gating is not None:
            output = image.gating(self._layer.name, output)
        mask = None if image.mask is None else at_places(image.mask, output.shape[1], output.dtype)
        return Attended(output, image.scale, mask)


def _rows_of(states: Float[Tensor, "rows ..."], shown: ShownImages) -> Float[Tensor, "shown ..."]:
    rows = shown.rows
    return states[rows.start : rows.stop] if isinstance(rows, range) else states[rows]


def _with_rows(
    text: Float[Tensor, "rows tokens channels"], shown: ShownImages, combined: Float[Tensor, "shown tokens channels"]
) -> Float[Tensor, "rows tokens channels"]:
    if len(combined) == len(text):
        return combined
    if isinstance(shown.rows, range):
        return torch.cat([text[: shown.rows.start], combined, text[shown.rows.stop :]])
    return text.index_copy(0, shown.rows, combined)


def _split(attn: Attention, states: Float[Tensor, "rows tokens channels"]) -> Float[Tensor, "rows heads tokens dim"]:
    rows, tokens, _ = states.shape
    return states.view(rows, tokens, int(attn.heads), -1).transpose(1, 2)


def _merge(states: Float[Tensor, "rows heads tokens dim"]) -> Float[Tensor, "rows tokens channels"]:
    return states.transpose(1, 2).flatten(2)
