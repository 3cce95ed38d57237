"""What reads the towers, made to read them again after they went on learning: without it a denoiser forgets its words.

Towers that are trained on turn and stretch their states. The least-squares map M, new states · M ≈ former states, is
composed with the matrices that read them: keys and values of the denoiser's attention to words, the pooled embedding's
part of its time embedding, and the first layer of the image prompt adapter. What M does not explain has to be learnt.

Run: `python -m pretraining.realign --former FOLDER`, with the towers that the denoiser was trained on in FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pretraining import image_prompt
from pretraining.batches import caption_ids
from pretraining.checkpoint import load_stage, write_weights
from pretraining.conditioning import encode_captions
from pretraining.denoiser import STAGE, make_denoiser
from pretraining.pictures import read_pictures, read_rows, to_unit
from pretraining.towers import SHARED, Towers, load_tokenizer

CAPTIONS, PICTURES, AT_ONCE = 3000, 600, 150
RIDGE = 1e-3
"""Times the mean square of the new states: directions that hardly occur are not stretched."""


class LinearMap:
    """The map of rows of new states onto those of former states, collected batch by batch."""

    def __init__(self, channels: int) -> None:
        self._gram = torch.zeros(channels, channels, dtype=torch.float64)
        self._cross = torch.zeros_like(self._gram)

    def add(self, new: Tensor, former: Tensor) -> None:
        """Count rows of the same captions or pictures, both of shape (..., channels)."""
        x, y = (each.reshape(-1, each.shape[-1]).double() for each in (new, former))
        self._gram += x.T @ x
        self._cross += x.T @ y

    def solved(self) -> Tensor:
        """Return M of new · M ≈ former, shape (channels, channels)."""
        ridge = RIDGE * self._gram.diagonal().mean() * torch.eye(len(self._gram), dtype=torch.float64)
        found: Tensor = torch.linalg.solve(self._gram + ridge, self._cross)
        return found.float()


@torch.no_grad()
def compose(weight: Tensor, read: Tensor) -> None:
    """Let a layer read new states as it read the former ones: its first columns W become W · Mᵀ, in place.

    Args:
        weight: Shape (out, in).
        read: The map M, shape (channels, channels); channels <= in.
    """
    columns = weight[:, : len(read)]
    columns.copy_(columns @ read.T)


def compose_denoiser(model: nn.Module, states: Tensor, pooled: Tensor) -> None:
    """Compose everything in a UNet that reads words with the maps of states and of pooled embeddings."""
    for name, weight in model.named_parameters():
        if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
            compose(weight, states)
        elif name == "add_embedding.linear_1.weight":
            compose(weight, pooled)


@torch.no_grad()
def maps_of_words(new: Towers, former: Towers, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps of states and of pooled embeddings, from captions `ids`, (count, tokens)."""
    states, pooled = LinearMap(2 * new.text_encoder.config.hidden_size), LinearMap(SHARED)
    for part in torch.split(ids, AT_ONCE):
        (x, p), (y, q) = encode_captions(new, part), encode_captions(former, part)
        states.add(x, y)
        pooled.add(p, q)
    return states.solved(), pooled.solved()


@torch.no_grad()
def map_of_pictures(new: Towers, former: Towers, pictures: Tensor) -> Tensor:
    """Return the map of the image encoder's states, from uint8 pictures."""
    found = LinearMap(new.image_encoder.config.hidden_size)
    for part in torch.split(pictures, AT_ONCE):
        pixels = to_unit(part)
        found.add(*(image_prompt.image_states(each.image_encoder, pixels) for each in (new, former)))
    return found.solved()


def _rewritten(stage: str, modules: dict[str, nn.Module], change: Callable[[nn.Module], None]) -> None:
    """Change all modules of a saved stage; the optimiser's moments belong to the former weights and go."""
    counters = load_stage(stage, modules, None)
    for module in modules.values():
        change(module)
    write_weights(stage, modules, counters)


def main() -> None:
    """Compose the denoiser and, where there is one, the image prompt adapter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--former", type=Path, required=True, help="folder of the towers that are read at present")
    tokenizer = load_tokenizer()
    new, former = (Towers(tokenizer).eval().requires_grad_(False) for _ in range(2))
    load_stage("towers", {"towers": new}, None)
    former.load_state_dict(load_file(parser.parse_args().former / "towers.safetensors"))
    rng = torch.Generator().manual_seed(0)
    every = caption_ids(tokenizer, read_rows()).flatten(0, 1)
    words = every[torch.randperm(len(every), generator=rng)[:CAPTIONS]].long()
    states, pooled = maps_of_words(new, former, words)
    denoisers: dict[str, nn.Module] = {"unet": make_denoiser(), "ema": make_denoiser()}
    _rewritten(STAGE, denoisers, lambda model: compose_denoiser(model, states, pooled))
    width = new.image_encoder.config.hidden_size
    adapter = image_prompt.attach_image_prompt(make_denoiser(), width, device=torch.device("cpu"))
    if load_stage(image_prompt.STAGE, {"adapter": adapter}, None):
        pictures = read_pictures()
        shown = pictures[torch.randperm(len(pictures), generator=rng)[:PICTURES]]
        found = map_of_pictures(new, former, shown)
        _rewritten(image_prompt.STAGE, {"adapter": adapter}, lambda each: _compose_adapter(each, found))


def _compose_adapter(adapter: nn.Module, read: Tensor) -> None:
    compose(adapter.get_submodule("image_proj.proj_in").get_parameter("weight"), read)


if __name__ == "__main__":
    main()
