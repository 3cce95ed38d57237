"""Let torchvision be imported beside a CPU build of torch. Import this before anything that imports transformers.

The registry has torchvision with CUDA only. Beside a CPU build of torch its compiled operators do not load, and its
import stumbles over two of them, and with it that of transformers. No comparison uses them: they are declared without
being there. Beside a CUDA build nothing is done.
"""

from importlib.util import find_spec

import torch

if find_spec("torchvision") is not None and torch.version.cuda is None:
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
