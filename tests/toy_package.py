"""A package outside the tree that holds one plug-in of each kind, as somebody else would write and install it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILES: Mapping[str, str] = {
    "__init__.py": "",
    "toy_lora.py": '''
        """Low rank on the denoiser's attention, and nothing else."""
        from typing import ClassVar

        import torch

        from impasto.adapters.low_rank import LowRank
        from impasto.core import config
        from impasto.core.configured import Configured
        from impasto.core.paper import Paper
        from impasto.methods._denoising import NoisedBatch
        from impasto.methods._style_alone import StyleAlone


        class ToyLoRASettings(config.Config):
            toy_rank: int = 2
            """Rank."""


        class ToyLoRA(StyleAlone, Configured[ToyLoRASettings]):
            name: ClassVar[str] = "toy_lora"
            paper: ClassVar[Paper] = Paper("A toy", "0000.00000")
            Config: ClassVar[type[config.Config]] = ToyLoRASettings
            num_pictures: ClassVar[tuple[int, int]] = (1, 4)

            def style_words(self):
                return "toy style"

            def prompts(self):
                return {"style": self.style_words()}

            def kind(self):
                return "lora"

            def new_tokens(self):
                return ()

            def adapters(self, base, rng):
                return LowRank(base.networks(), base.targets(text=False), self.settings.toy_rank, rng)

            def loss(self, base, batch, rng):
                x_0 = batch["style"].x_0
                epsilon = torch.randn(x_0.shape, generator=rng)
                t = base.process.training_levels(len(x_0), rng)
                c = base.encode_prompts(batch["style"].prompts)
                predicted = base.predict(base.process.add_noise(x_0, epsilon, t), t, c, batch["style"].geometry)
                error = (predicted - base.process.target(x_0, epsilon, t)).square().mean()
                return error, {"style": error}
    ''',
    "toy_control.py": '''
        """Words count for half in cross-attention."""
        from typing import ClassVar

        from impasto.core import config
        from impasto.core.configured import Configured
        from impasto.core.paper import Paper
        from impasto.models.control import Control


        class ToyControlSettings(config.Config):
            toy_share: float = 0.5
            """What is left of the words."""


        class ToyControl(Control, Configured[ToyControlSettings]):
            name: ClassVar[str] = "toy_control"
            paper: ClassVar[Paper] = Paper("A toy", "0000.00000")
            Config: ClassVar[type[config.Config]] = ToyControlSettings

            def touches(self, layer, context):
                return layer.kind == "cross"

            def attend(self, layer, context, q, k, v):
                return self.settings.toy_share * super().attend(layer, context, q, k, v)
    ''',
    "toy_metric.py": '''
        """How many pictures were drawn."""
        from impasto.metrics._protocol import Measurement


        def measure(sets):
            yield Measurement("toy count", float(len(sets.drawn)), 0.0, (len(sets.drawn),), "neither")
    ''',
    "toy_features.py": '''
        """The mean colour."""
        import torch


        class ToyColourFeatures:
            has_unit_length = False

            @classmethod
            def open(cls, checkpoint, device):
                return cls()

            def extract(self, pictures):
                means = [picture.convert("L").resize((1, 1)).getpixel((0, 0)) for picture in pictures]
                return torch.tensor(means).float()[:, None]
    ''',
    "toy_family.py": '''
        """SD 1.x under another name, with a pipeline class of its own."""
        from diffusers import StableDiffusionPipeline

        from impasto.models.families.sd15 import SD15


        class ToyPipeline(StableDiffusionPipeline):
            pass


        class Toy(SD15):
            family = "toy"
            pipeline_class = ToyPipeline
            single_file = None
            file_names = None
    ''',
    "toy_hello.py": '''
        """Say hello.

        At length.
        """


        def run(arguments):
            print("hello", *arguments)
            return 0
    ''',
}
"""Text by file name."""

OFFERS: Mapping[str, Mapping[str, str]] = {
    "methods": {"toy_lora": "toy.toy_lora"},
    "controls": {"toy_control": "toy.toy_control"},
    "metrics": {"toy_metric": "toy.toy_metric"},
    "features": {"toy_colour": "toy.toy_features"},
    "families": {"toy": "toy.toy_family"},
    "commands": {"toy_hello": "toy.toy_hello"},
}
"""Entry points: module by name, by kind of plug-in."""


def install(
    site: Path,
    name: str = "toy",
    files: Mapping[str, str] = FILES,
    offers: Mapping[str, Mapping[str, str]] = OFFERS,
) -> None:
    """Put a package into `site`, as an installer does it: its files, and `dist-info` with its entry points."""
    from textwrap import dedent

    (site / name).mkdir(parents=True)
    for file, text in files.items():
        (site / name / file).write_text(dedent(text).lstrip(), "utf-8")
    facts = site / f"{name}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    groups = "".join(
        f"[impasto.{kind}]\n" + "".join(f"{each} = {module}\n" for each, module in modules.items())
        for kind, modules in offers.items()
    )
    (facts / "entry_points.txt").write_text(groups, "utf-8")
