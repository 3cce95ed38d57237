"""The judge: a small classifier of subject, artist and each kind of style; trained on renders, for measurements only.

A twentieth of the compositions is held out, by a hash of what they show (`judge_classes.py`). Build its data set with
another seed than that of the towers, so that both have not seen the same pictures.

Run: `python -m pretraining.judge --minutes 25 --built FOLDER`; run it again to go on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from impasto.features._pocket_judge import FILE, JudgeNetwork, load_network, read_classes
from pretraining import checkpoint
from pretraining.judge_classes import PLAIN, Classes, Row, classes_of, is_held_out, value_of
from pretraining.judge_disturbance import disturbed, to_unit
from pretraining.options import read_options
from pretraining.pictures import read_pictures, read_rows
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.stage import Stage

STAGE = "judge"
PUBLISHED = FILE
"""The judge that the numbers of the model card come from; it ships with the package."""
TOP = 5


@dataclass(frozen=True, slots=True)
class Judge:
    """A trained judge."""

    classes: Classes
    network: JudgeNetwork

    @torch.no_grad()
    def judge_pictures(self, pictures: Tensor, batch: int = 256) -> dict[str, Tensor]:
        """Return the logits (count, classes) of each attribute.

        Args:
            pictures: uint8, or in [-1, 1]; shape (count, 3, 128, 128).
            batch: How many are judged at once.
        """
        device = next(self.network.parameters()).device
        self.network.eval()
        made = [self.network(to_unit(part.to(device))) for part in torch.split(pictures, batch)]
        return {name: torch.cat([each[name] for each in made]).float().cpu() for name in self.classes.of}

    def verdict(self, pictures: Tensor, rows: Sequence[Row]) -> Verdict:
        """Return which `pictures` show what `rows` say. Subject and artist are judged of every row that has them."""
        logits = self.judge_pictures(pictures)
        right: dict[str, list[bool]] = {name: [] for name in ("subject_top_5", *self.classes.of)}
        for place, row in enumerate(rows):
            for name, classes in self.classes.of.items():
                if (value := value_of(row, name)) == PLAIN:
                    continue
                best = [classes[each] for each in logits[name][place].argsort(descending=True)[:TOP].tolist()]
                right[name].append(best[0] == value)
                if name == "subject":
                    right["subject_top_5"].append(value in best)
        return Verdict(right)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether each picture was judged to show what its row says.

    Attributes:
        right: By attribute, and "subject_top_5"; one entry for each row that names a value of it: pictures to which a
            kind of style was not applied do not count for this kind.
    """

    right: Mapping[str, Sequence[bool]]

    def shares(self) -> dict[str, float]:
        """Return the share that is right of each attribute, to three places; without those that no row names."""
        return {name: round(sum(found) / len(found), 3) for name, found in self.right.items() if found}

    def counts(self) -> dict[str, int]:
        """Return how many rows name a value of each attribute."""
        return {name: len(found) for name, found in self.right.items() if found}

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in self.shares().items())


def _classes_file() -> Path:
    return checkpoint.STAGES / "judge-classes.json"  # beside the stage's folder, which every save replaces


def _stated(classes: Classes) -> str:
    return json.dumps({name: list(values) for name, values in classes.of.items()})


def _parsed(text: str) -> Classes:
    return Classes({name: tuple(values) for name, values in json.loads(text).items()})


def remember(classes: Classes) -> None:
    """Write the classes down at the first start.

    Raises:
        SystemExit: The judge was started with other classes.
    """
    file = _classes_file()
    if file.exists() and _parsed(file.read_text("utf-8")) != classes:
        raise SystemExit(f"{file} names other subjects or styles than the data set: remove it and {STAGE}/ beside it")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_stated(classes), "utf-8")


def load_judge() -> Judge:
    """Return the judge that was trained here, or the published one.

    Raises:
        FileNotFoundError: There is neither.
    """
    if not (checkpoint.STAGES / STAGE).exists():
        return _load_published(PUBLISHED)
    classes = _parsed(_classes_file().read_text("utf-8"))
    network = JudgeNetwork(classes.counts())
    checkpoint.load_stage(STAGE, {"judge": network}, None)
    return Judge(classes, network.eval())


def publish(judge: Judge, path: Path) -> None:
    """Write the judge in half precision, with its classes in the header: whoever measures pocket has the same one."""
    state = {
        name: value.half() if value.is_floating_point() else value for name, value in judge.network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in state.items()}, path, {"classes": _stated(judge.classes)})


def _load_published(path: Path) -> Judge:
    if not path.exists():
        raise FileNotFoundError(f"{checkpoint.STAGES / STAGE} does not exist: run pretraining.judge first")
    classes = Classes(read_classes(path))
    return Judge(classes, load_network(path, classes.of))


def held_out_verdict(judge: Judge, pictures: Tensor, rows: Sequence[Row], at_most: int) -> Verdict:
    """Return how at most `at_most` held-out pictures of a data set are judged."""
    held = [number for number, row in enumerate(rows) if is_held_out(row)]
    held = held[:: max(1, len(held) // at_most)]
    return judge.verdict(pictures[held], [rows[number] for number in held])


def judge_loss(logits: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of the attributes' cross-entropies; logits (batch, classes), labels int64 (batch,)."""
    return torch.stack([F.cross_entropy(logits[name].float(), labels[name]) for name in labels]).sum()


def main() -> None:
    """Train for a number of minutes; say how held-out renders are judged at every save and at the end."""
    chosen = read_options(__doc__ or "", minutes=25, batch=64, rate=2e-3, judges=True)
    pictures = torch.cat([read_pictures(folder) for folder in chosen.built])
    rows = [row for folder in chosen.built for row in read_rows(folder)]
    classes = classes_of(rows)
    remember(classes)
    labels = classes.labels(rows)
    shown = torch.tensor([number for number, row in enumerate(rows) if not is_held_out(row)])
    network = JudgeNetwork(classes.counts()).to(chosen.device)
    convert_conv2d_weight_memory_format(network, torch.channels_last)  # a quarter less time on one core in bfloat16
    judge = Judge(classes, network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.05)
    stage = Stage(STAGE, {"judge": network}, optimizer, Schedule.chosen(chosen))
    forward: Callable[[Tensor], dict[str, Tensor]] = torch.compile(network) if chosen.compile else network
    rng = torch.Generator().manual_seed(stage.step)
    for _ in stage.steps():
        network.train()
        index = shown[torch.randint(len(shown), (chosen.batch,), generator=rng)]
        x = disturbed(to_unit(pictures[index].to(chosen.device)), rng)
        with half_where_quick(chosen.device):
            logits = forward(x.contiguous(memory_format=torch.channels_last))
        stage.learn(
            judge_loss(logits, {name: value[index].to(chosen.device) for name, value in labels.items()}), chosen.batch
        )
        if stage.save_if_due(chosen.save_every):
            print(held_out_verdict(judge, pictures, rows, 500), flush=True)
    print(held_out_verdict(judge, pictures, rows, 4000), flush=True)
    if chosen.publish:
        publish(judge, PUBLISHED)


if __name__ == "__main__":
    main()
