"""All that a training step changes, as one object that can be written down and taken up again, bit for bit.

The data position is part of it without a field of its own: what a step shows is drawn anew every time from the run's
generator (`data/streams.py`), so the generator's state and the number of the step say what comes next. The rate
schedule is a function of that number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.adapters.average import Average
from impasto.adapters.learnable import Learnable
from impasto.core.errors import RunError

_WEIGHT, _MOMENT, _RNG, _LOSSES, _AVERAGE = "weight.", "optimizer.", "rng.", "losses", "average."
_OF_RUN = "run"


@dataclass
class TrainState:
    """What a step reads and changes.

    Attributes:
        learnable: What learns; attached to the base.
        optimizer: Changes its parameters, in their order.
        rng: Draws pictures, noise and timesteps.
        device: Of the parameters; its own generator is part of the state too.
        step: Steps done.
        losses: The loss of each step that is done.
        average: The moving average of the parameters, if one is wanted.
    """

    learnable: Learnable
    optimizer: torch.optim.Optimizer
    rng: torch.Generator
    device: torch.device
    step: int = 0
    losses: list[float] = field(default_factory=list)
    average: Average | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name, in full precision, without copies: write them before the next step."""
        found = {f"{_WEIGHT}{i}": parameter.detach() for i, parameter in enumerate(self.learnable.parameters())}
        for index, values in self.optimizer.state_dict()["state"].items():
            found |= {f"{_MOMENT}{index}.{key}": value for key, value in values.items() if isinstance(value, Tensor)}
        found |= {_RNG + name: state for name, state in self._generators()}
        found[_LOSSES] = torch.tensor(self.losses, dtype=torch.float64)
        if self.average is not None:
            found |= {_AVERAGE + index: value for index, value in self.average.tensors().items()}
        return found

    def shown(self) -> AbstractContextManager[None]:
        """Return a `with` in which the parameters are what is drawn with and saved: their average, if there is one."""
        return nullcontext() if self.average is None else self.average.shown()

    def facts(self) -> dict[str, object]:
        """Return what is no tensor: the optimiser's numbers."""
        written = self.optimizer.state_dict()
        scalars = {
            str(index): {key: value for key, value in values.items() if not isinstance(value, Tensor)}
            for index, values in written["state"].items()
        }
        return {
            "optimizer": type(self.optimizer).__name__,
            "averaged": 0 if self.average is None else self.average.updates,
            "scalars": {index: values for index, values in scalars.items() if values},
            "groups": [
                {key: value for key, value in group.items() if isinstance(value, bool | int | float | str)}
                for group in written["param_groups"]
            ],
        }

    def size(self) -> int:
        """Return how many bytes a checkpoint will take, before there are moments: weights, two moments, an average."""
        copies = 3 if self.average is None else 4
        return copies * sum(each.numel() * each.element_size() for each in self.learnable.parameters())

    def restore(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Become what was written down after `step`.

        Raises:
            RunError: It was written of something else, or is incomplete.
        """
        try:
            self._restore_weights(tensors)
            self._restore_optimizer(tensors, facts)
            self._restore_average(tensors, facts)
            self._restore_generators(tensors)
            self.losses = tensors[_LOSSES].tolist()
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
            raise RunError(
                f"the checkpoint of step {step} does not fit this run ({' '.join(str(error).split())[:120]}): "
                "begin it anew with another --run-dir"
            ) from error
        self.step = step

    def _restore_weights(self, tensors: Mapping[str, Tensor]) -> None:
        parameters = self.learnable.parameters()
        count = sum(name.startswith(_WEIGHT) for name in tensors)
        if count != len(parameters):
            raise ValueError(f"it holds {count} weights, {len(parameters)} learn")
        for index, parameter in enumerate(parameters):
            saved = tensors[f"{_WEIGHT}{index}"]
            if saved.shape != parameter.shape or saved.dtype != parameter.dtype:
                raise ValueError(f"weight {index} is {saved.dtype} {tuple(saved.shape)}")
        with torch.no_grad():
            for index, parameter in enumerate(parameters):
                parameter.copy_(tensors[f"{_WEIGHT}{index}"])

    def _restore_optimizer(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        name, scalars, groups = facts["optimizer"], facts["scalars"], facts["groups"]
        if name != type(self.optimizer).__name__ or not isinstance(scalars, dict) or not isinstance(groups, list):
            raise ValueError(f"it is of the optimiser {name}")
        state: dict[int, dict[str, object]] = {int(index): dict(values) for index, values in scalars.items()}
        for key, value in tensors.items():
            if key.startswith(_MOMENT):
                index, _, what = key.removeprefix(_MOMENT).partition(".")
                state.setdefault(int(index), {})[what] = value
        present = self.optimizer.state_dict()["param_groups"]
        joined = [now | saved for now, saved in zip(present, groups, strict=True)]
        self.optimizer.load_state_dict({"state": state, "param_groups": joined})

    def _restore_average(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        if self.average is not None:
            kept = {name.removeprefix(_AVERAGE): value for name, value in tensors.items() if name.startswith(_AVERAGE)}
            updates = facts["averaged"]
            if not isinstance(updates, int):
                raise TypeError(f"averaged = {updates}")
            self.average.restore(kept, updates)

    def _generators(self) -> Iterator[tuple[str, Tensor]]:
        yield _OF_RUN, self.rng.get_state()
        yield "cpu", torch.get_rng_state()
        if self.device.type == "cuda":
            yield "cuda", torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            yield "mps", torch.mps.get_rng_state()

    def _restore_generators(self, tensors: Mapping[str, Tensor]) -> None:
        """Set the run's generator, and those that kernels such as dropout draw from."""
        self.rng.set_state(tensors[_RNG + _OF_RUN])
        torch.set_rng_state(tensors[_RNG + "cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors[_RNG + "cuda"], self.device)
        elif self.device.type == "mps":
            torch.mps.set_rng_state(tensors[_RNG + "mps"])
