"""Stage 5: a small Canny ControlNet (arXiv 2302.05543), trained on edges of the very picture that is to be drawn.

It has the base's residual blocks and none of its attentions, text and size conditioning: edges say where lines are,
the base knows the words. That is as small as diffusers' `ControlNetModel` can be made for a base of given widths. It
begins with the base's weights where both have the same layer, and with zeros where it is joined to the base. The layers
that read the edges do not end in zeros, unlike the paper's: two rows of zeros behind each other learn nothing for the
first thousands of steps, and there are few.

Run: `python -m pretraining.controlnet --minutes 30`; run it again to go on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline, UNet2DConditionModel
from torch import Tensor, nn

from pretraining.checkpoint import STAGES
from pretraining.frozen import Batch, FrozenBase, read_base
from pretraining.options import read_options
from pretraining.pictures import read_pictures, save_sheet, to_unit
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.stage import Stage

STAGE = "controlnet"
FOLDER = "controlnet"
CANNY = (100, 200)
"""Lower and upper threshold, those of the published Canny ControlNets."""

WORDED = 0.5
"""Share of rows that keep their caption (section 3.3 of the paper): without words, edges have to say what is there."""

WATCHED = ("", "a fox on a green background", "twemoji style")


def make_controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """Return the untrained ControlNet for `unet`, which changes nothing yet."""
    widths = tuple(unet.config["block_out_channels"])
    model: ControlNetModel = ControlNetModel(
        in_channels=unet.config["in_channels"],
        down_block_types=("DownBlock2D",) * len(widths),
        mid_block_type="UNetMidBlock2D",
        block_out_channels=widths,
        layers_per_block=unet.config["layers_per_block"],
        norm_num_groups=unet.config["norm_num_groups"],
        cross_attention_dim=unet.config["cross_attention_dim"],
        resnet_time_scale_shift=unet.config["resnet_time_scale_shift"],
        conditioning_embedding_out_channels=(16, 16, 32, 64),
    )
    state, known = model.state_dict(), unet.state_dict()
    shared = {name: known[name] for name in state if name in known and known[name].shape == state[name].shape}
    model.load_state_dict(state | shared)
    _let_edges_in(model.controlnet_cond_embedding)
    return model


@torch.no_grad()
def _let_edges_in(embedding: nn.Module) -> None:
    """Begin the layers that read edges with weights that keep the variance of what they are given."""
    rng = torch.Generator().manual_seed(0)
    for layer in embedding.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)


def edges_of(pictures: Tensor) -> Tensor:
    """Return the edges of uint8 pictures: 1 on lines and 0 elsewhere, float32, (count, 3, height, width)."""
    lines = [cv2.Canny(np.ascontiguousarray(each.permute(1, 2, 0).numpy()), *CANNY) for each in pictures]
    return torch.from_numpy(np.stack(lines))[:, None].expand(-1, 3, -1, -1) / 255.0


def predict(unet: UNet2DConditionModel, control: ControlNetModel, batch: Batch, edges: Tensor) -> Tensor:
    """Return the base's prediction when it is shown `edges`, (batch, 3, height, width)."""
    words = {"encoder_hidden_states": batch.states, "added_cond_kwargs": batch.added}
    down, mid = control(batch.x_t, batch.timesteps, controlnet_cond=edges, return_dict=False, **words)
    predicted: Tensor = unet(
        batch.x_t,
        batch.timesteps,
        down_block_additional_residuals=down,
        mid_block_additional_residual=mid,
        **words,
    ).sample
    return predicted


def draw_sheet(base: FrozenBase, control: ControlNetModel, pictures: Tensor, path: Path) -> None:
    """Draw a row for each of uint8 `pictures`: the picture, its edges, and what is drawn along them."""
    parts = base.pipeline().components
    pipe = StableDiffusionXLControlNetPipeline(
        **parts, controlnet=control, force_zeros_for_empty_prompt=False, add_watermarker=False
    )
    pipe.set_progress_bar_config(disable=True)
    rows = []
    for picture, edges in zip(to_unit(pictures), edges_of(pictures), strict=True):
        drawn = pipe(
            list(WATCHED),
            image=edges[None].expand(len(WATCHED), -1, -1, -1),
            height=128,
            width=128,
            num_inference_steps=20,
            guidance_scale=4.0,
            generator=[torch.Generator().manual_seed(7) for _ in WATCHED],
            output_type="pt",
        ).images
        rows.append(torch.cat([picture[None], edges[None] * 2 - 1, drawn.cpu() * 2 - 1]))
    save_sheet(rows, path)


def main() -> None:
    """Train for a number of minutes, saving and drawing every few."""
    chosen = read_options(__doc__ or "", minutes=30, batch=32, rate=1e-3)
    base, pictures = read_base(chosen.device), read_pictures()
    control = make_controlnet(base.unet)
    control.to(base.device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    optimizer = torch.optim.AdamW(control.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.01)
    rng = torch.Generator().manual_seed(0)
    stage = Stage(STAGE, {"controlnet": control}, optimizer, Schedule.chosen(chosen), {"rng": rng})
    forward = torch.compile(predict, dynamic=False) if chosen.compile else predict
    watched = pictures[:: max(1, len(pictures) // 6)][:6]
    for _ in stage.steps():
        batch = base.draw(chosen.batch, rng, worded=WORDED)
        edges = edges_of(pictures[batch.index]).to(base.device)
        with half_where_quick(base.device):
            predicted = forward(base.unet, control, batch, edges)
        stage.learn(batch.loss(predicted), chosen.batch)
        if stage.save_if_due(chosen.save_every):
            stage.record({})
            draw_sheet(base, control, watched, STAGES / f"{STAGE}-{stage.step:06d}.png")
    stage.record({})
    draw_sheet(base, control, watched, STAGES / f"{STAGE}-{stage.step:06d}.png")


if __name__ == "__main__":
    main()
