"""How far do the metrics agree with the field's own implementations, on equal features and pictures?

Runs in an environment of its own, which `make parity` makes: torch-fidelity, torchmetrics, OpenCLIP and torchvision are
no dependencies of impasto. The same comparisons are tests there. This script writes `docs/precision.md` from them.

Run: `make parity`
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import benchmarks.beside_torchvision  # noqa: F401 - first: see there
from impasto.core.rng import generator
from impasto.data.held_out import read_held_out
from impasto.data.packs import find_pack
from impasto.features.inception import InceptionFeatures, _handing
from impasto.features.open_clip import OpenCLIPFeatures
from impasto.features.pocket import PocketFeatures
from impasto.metrics.cmmd import cmmd
from impasto.metrics.frechet import frechet_distance
from impasto.metrics.kernel import kernel_distance
from impasto.metrics.text_alignment import text_alignment

PAGE = Path(__file__).parents[1] / "docs" / "precision.md"
PACKAGES = (
    "impasto",
    "torch",
    "torchvision",
    "torch-fidelity",
    "torchmetrics",
    "open-clip-torch",
    "transformers",
    "numpy",
)
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Compared:
    """One number, computed here and by the reference."""

    ours: float
    theirs: float

    @property
    def relative(self) -> float:
        """The difference as a share of the reference's number."""
        return abs(self.ours - self.theirs) / max(abs(self.theirs), 1e-12)


@dataclass(frozen=True)
class Comparison:
    """What is compared, with whom, and how."""

    name: str
    reference: str
    run: Callable[[], Compared]


def normal(count: int, dim: int, seed: int, shift: float = 0.0) -> Tensor:
    """Return correlated normal features."""
    mixing: Tensor = torch.randn((dim, dim), generator=generator(99), dtype=torch.double) / dim**0.5
    return torch.randn((count, dim), generator=generator(seed), dtype=torch.double) @ mixing + shift


def pocket_features(pack: str) -> Tensor:
    """Return pocket's features of a pack's held-out drawings."""
    return PocketFeatures().extract([each.picture for each in read_held_out(find_pack(pack), demo_only=False)]).double()


def frechet(x: Tensor, y: Tensor) -> Compared:
    """Compare the Fréchet distance with torch-fidelity's."""
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    theirs = fid_statistics_to_metric(*(fid_features_to_statistics(each) for each in (x, y)), verbose=False)
    return Compared(frechet_distance(x, y), theirs[KEY_METRIC_FID])


def kernel(x: Tensor, y: Tensor) -> Compared:
    """Compare the kernel distance with torch-fidelity's over one subset that holds all pictures."""
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    x, y = x[: len(y)], y[: len(x)]
    theirs = kid_features_to_metric(x, y, kid_subsets=1, kid_subset_size=len(x), verbose=False)
    return Compared(kernel_distance(x, y, has_unit_length=False).value, theirs[KEY_METRIC_KID_MEAN])


def cmmd_by_loops() -> Compared:
    """Compare CMMD with sums written out in float64."""
    x, y = (torch.nn.functional.normalize(normal(count, 16, count, 0.2), dim=1).numpy() for count in (20, 15))

    def mean(a: np.ndarray, b: np.ndarray, *, skip: bool) -> float:
        values = [
            math.exp(-math.fsum((p - q) ** 2) / 200.0)
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if not (skip and i == j)
        ]
        return math.fsum(values) / len(values)

    expected = 1000 * (mean(x, x, skip=True) + mean(y, y, skip=True) - 2 * mean(x, y, skip=False))
    return Compared(cmmd(torch.from_numpy(x), torch.from_numpy(y)).value, expected)


def pictures(count: int, side: int) -> list[Image.Image]:
    """Return random pictures."""
    values = torch.randint(0, 256, (count, side, side, 3), generator=generator(7), dtype=torch.uint8)
    return [Image.fromarray(each.numpy()) for each in values]


def inception() -> Compared:
    """Compare the features of one network with random weights; the numbers are the norms of all features."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    class Untrained(module.FeatureExtractorInceptionV3):  # type: ignore[misc]
        def load_state_dict(self, *_: object, **__: object) -> None:
            """Keep the random weights."""

    with _handing(module, {}), torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        network = Untrained("inception", ["2048"])
    given = pictures(3, 299)
    pixels = torch.stack([torch.from_numpy(np.array(each)).permute(2, 0, 1) for each in given])
    with torch.no_grad():
        theirs = network(pixels)[0]
    ours = InceptionFeatures(network.state_dict(), torch.device("cpu")).extract(given)
    return Compared(float(ours.norm()), float(theirs.norm()) + float((ours - theirs).norm()))


def open_clip() -> Compared:
    """Compare the cosines of pictures and words with OpenCLIP's own preprocessing, weights random."""
    import open_clip as library

    name, captions = "ViT-S-32", ["a fox", "an owl on a hill", "a castle"]
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model, _, preprocess = library.create_model_and_transforms(name)
    given = pictures(3, 224)
    with torch.no_grad():
        x = model.eval().encode_image(torch.stack([preprocess(each) for each in given]), normalize=True)
        words = model.encode_text(library.get_tokenizer(name)(captions), normalize=True)
    features = OpenCLIPFeatures(name, model.state_dict(), torch.device("cpu"))
    ours = (features.extract(given) * features.text(captions)).sum(dim=1)
    theirs = (x * words).sum(dim=1)
    return Compared(float(ours.norm()), float(theirs.norm()) + float((ours - theirs).norm()))


def clip_score() -> Compared:
    """Compare text alignment with torchmetrics' CLIP score, on a small CLIP with random weights."""
    import tempfile

    from torchmetrics.multimodal import CLIPScore

    from benchmarks.small_clip import Unwrapped, processor, save_small_clip
    from impasto.features.clip import CLIPFeatures

    captions, given = ["a fox", "an owl on a hill", "a castle", "an old woman", "an apple"], pictures(5, 32)
    with tempfile.TemporaryDirectory() as folder:
        save_small_clip(Path(folder))
        metric = CLIPScore(lambda: (Unwrapped(folder), processor(folder)))
        values = [torch.from_numpy(np.array(each)).permute(2, 0, 1) for each in given]
        theirs = float(metric(values, captions))
        features = CLIPFeatures(folder, torch.device("cpu"))
        ours = float(text_alignment(features.extract(given), features.text(captions)).mean())
    return Compared(ours, theirs)


FIDELITY = "torch-fidelity"
COMPARISONS = (
    Comparison(
        "Fréchet, 500 and 400 features of 64 dimensions",
        FIDELITY,
        lambda: frechet(normal(500, 64, 0), normal(400, 64, 1, 0.3)),
    ),
    Comparison(
        "Fréchet, 60 and 50 features of 128 dimensions (singular covariances)",
        FIDELITY,
        lambda: frechet(normal(60, 128, 0), normal(50, 128, 1, 0.3)),
    ),
    Comparison(
        "Fréchet, pocket's features of two packs",
        FIDELITY,
        lambda: frechet(pocket_features("openmoji"), pocket_features("emojione-v1")),
    ),
    Comparison(
        "KID, 400 features of 64 dimensions", FIDELITY, lambda: kernel(normal(400, 64, 0), normal(400, 64, 1, 0.3))
    ),
    Comparison(
        "KID, pocket's features of two packs, scaled to √d",
        FIDELITY,
        lambda: kernel(pocket_features("openmoji") * 128**0.5, pocket_features("emojione-v1") * 128**0.5),
    ),
    Comparison("CMMD, 20 and 15 features of 16 dimensions", "a double loop in float64", cmmd_by_loops),
    Comparison("CLIP score of 5 pictures, small random CLIP", "torchmetrics", clip_score),
    Comparison("Inception's features of 3 pictures of 299 px, random weights", FIDELITY, inception),
    Comparison("Cosines of OpenCLIP ViT-S-32, 224 px, random weights", "OpenCLIP", open_clip),
)


def page(found: list[tuple[Comparison, Compared]]) -> str:
    """Return the page."""
    rows = [
        f"| {each.name} | {each.reference} | {result.ours:.8g} | {result.theirs:.8g} | {result.relative:.1e} |"
        for each, result in found
    ]
    return "\n".join(
        [
            "# How far the numbers agree with others'",
            "",
            f"Written by `make parity`, which fails where the difference is more than {TOLERANCE:g} of the number.",
            "Equal features or pictures go into both. Features compare by the norm of all, the reference's plus that",
            "of the difference.",
            "",
            "| what | reference | here | reference's | difference |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Versions: {', '.join(f'{name} {installed(name)}' for name in PACKAGES)};",
            f"Python {platform.python_version()}.",
            "",
            "- torch-fidelity takes the roots of the eigenvalues of Σₓ Σᵧ; here it is a sum of singular values.",
            "- KID is compared over one subset that holds all pictures, so that no random subset differs.",
            "- torchmetrics 1.9 expects tensors where transformers 5 returns an output with a field: a wrapper hands",
            "  it over. Pictures have the size that the network wants: resizing differs (bicubic there, Lanczos here).",
            "- The published weights of Inception were not at hand: its features are compared on random weights.",
            "",
        ]
    )


def installed(name: str) -> str:
    """Return a package's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    """Compare, and write the page."""
    found = [(each, each.run()) for each in COMPARISONS]
    for each, result in found:
        print(f"{result.relative:.1e}  {each.name}")
    PAGE.write_text(page(found), "utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
