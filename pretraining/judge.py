"""The judge: a small classifier of subject and style, trained on renders only and used for measurements only.

A picture's style is its treatment, or its hand if it has none. Twentieths of the pictures are held back, all that show
the same composition together: by a hash of subjects, hand, treatment and ground.

Run: `python -m pretraining.judge --minutes 30`; run it again to go on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from pretraining import checkpoint
from pretraining.data.grammar import styles
from pretraining.data.sets import find_set
from pretraining.fresh import fresh_pieces
from pretraining.judge_network import JudgeNetwork, disturbed, shrunk
from pretraining.options import read_options
from pretraining.pictures import read_pictures, read_rows
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.stage import Stage

STAGE = "judge"
PUBLISHED = Path("pretraining/published/judge.safetensors")
"""The judge that the numbers of the model card come from."""
HELD_BACK = 0.05
"""Share of compositions that the judge is never trained on."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Classes:
    """What the judge tells apart: slugs of subjects, and phrases of styles."""

    subjects: tuple[str, ...]
    styles: tuple[str, ...]

    def labels(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        """Return the subjects (rows, 2) and the style (rows,) of each row; a subject alone is there twice."""
        places = {subject: place for place, subject in enumerate(self.subjects)}
        shown = [[places[row["subject"]], places[row.get("second") or row["subject"]]] for row in rows]
        return torch.tensor(shown), torch.tensor([self.styles.index(style_of(row)) for row in rows])


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of pictures that were judged right; of two subjects in one picture each counts half."""

    subject_top_1: float
    subject_top_5: float
    style: float

    def rounded(self) -> dict[str, float]:
        """Return the shares by name, to three places."""
        return {name: round(share, 3) for name, share in asdict(self).items()}

    def __str__(self) -> str:
        return f"subject {self.subject_top_1:.1%}, in top 5 {self.subject_top_5:.1%}, style {self.style:.1%}"


@dataclass(frozen=True, slots=True)
class Judge:
    """A trained judge."""

    classes: Classes
    network: JudgeNetwork

    @torch.no_grad()
    def judge_pictures(self, pictures: Tensor, batch: int = 256) -> tuple[Tensor, Tensor]:
        """Return logits of subjects and styles.

        Args:
            pictures: uint8, or in [-1, 1]; shape (count, 3, 128, 128).
            batch: How many are judged at once.
        """
        device = next(self.network.parameters()).device
        self.network.eval()
        made = [self.network(shrunk(part.to(device))) for part in torch.split(pictures, batch)]
        return torch.cat([subject for subject, _ in made]).cpu(), torch.cat([style for _, style in made]).cpu()

    def accuracy(self, pictures: Tensor, rows: Sequence[Row]) -> Accuracy:
        """Return how much of `pictures` is judged as `rows` say."""
        subjects, style = self.classes.labels(rows)
        subject_logits, style_logits = self.judge_pictures(pictures)
        top = subject_logits.topk(min(5, len(self.classes.subjects)), dim=1).indices
        first, five = (
            float((subjects[:, :, None] == top[:, None, :among]).any(dim=2).float().mean()) for among in (1, 5)
        )
        return Accuracy(first, five, float((style_logits.argmax(dim=1) == style).float().mean()))


def style_of(row: Row) -> str:
    """Return the phrase of the row's style."""
    return row.get("treatment") or find_set(row["hand"]).phrase


def classes_of(rows: Sequence[Row]) -> Classes:
    """Return all subjects and styles of a data set, in an order that does not depend on that of its rows."""
    shown = {row["subject"] for row in rows} | {row["second"] for row in rows if row.get("second")}
    present = {style_of(row) for row in rows}
    return Classes(tuple(sorted(shown)), tuple(each for each in styles() if each in present))


def is_held_back(row: Row) -> bool:
    """Return whether the judge must not be trained on this composition, by a hash of what it shows."""
    shown = "\n".join(row.get(part, "") for part in ("subject", "second", "hand", "treatment", "ground"))
    digest = hashlib.sha256(f"judge\n{shown}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_BACK * 2**64


def _classes_file() -> Path:
    return checkpoint.STAGES / "judge-classes.json"  # beside the stage's folder, which every save replaces


def remember(classes: Classes) -> None:
    """Write the classes down at the first start.

    Raises:
        SystemExit: The trained judge has other classes.
    """
    wanted = {"subjects": list(classes.subjects), "styles": list(classes.styles)}
    path = _classes_file()
    if not (checkpoint.STAGES / STAGE).exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(wanted), "utf-8")
    elif json.loads(path.read_text("utf-8")) != wanted:
        raise SystemExit(f"{checkpoint.STAGES / STAGE} was trained on other subjects or styles: remove it first")


def load_judge() -> Judge:
    """Return the judge of the stages' folder, or the published one if none was trained here.

    Raises:
        FileNotFoundError: There is neither.
    """
    if not (checkpoint.STAGES / STAGE).exists():
        return _load_published(PUBLISHED)
    stored = json.loads(_classes_file().read_text("utf-8"))
    classes = Classes(tuple(stored["subjects"]), tuple(stored["styles"]))
    network = JudgeNetwork(len(classes.subjects), len(classes.styles))
    checkpoint.load_stage(STAGE, {"judge": network}, None)
    return Judge(classes, network.eval())


def publish(judge: Judge, path: Path) -> None:
    """Write the judge in half precision, with its classes in the header: whoever measures pocket has the same one."""
    state = {
        name: value.half() if value.is_floating_point() else value for name, value in judge.network.state_dict().items()
    }
    save_file(
        {name: value.contiguous() for name, value in state.items()},
        path,
        {"classes": json.dumps(asdict(judge.classes))},
    )


def _load_published(path: Path) -> Judge:
    if not path.exists():
        raise FileNotFoundError(f"{checkpoint.STAGES / STAGE} does not exist: run pretraining.judge first")
    with safe_open(path, framework="pt") as opened:
        stored = json.loads(opened.metadata()["classes"])
    classes = Classes(tuple(stored["subjects"]), tuple(stored["styles"]))
    network = JudgeNetwork(len(classes.subjects), len(classes.styles))
    network.load_state_dict(
        {name: value.to(network.state_dict()[name].dtype) for name, value in load_file(path).items()}
    )
    return Judge(classes, network.eval())


def held_back_accuracies(judge: Judge, at_most: int) -> dict[str, Accuracy]:
    """Return accuracies on held-back pictures of the data set and on fresh compositions, `at_most` of each."""
    rows = read_rows()
    held = [number for number, row in enumerate(rows) if is_held_back(row)]
    held = held[:: max(1, len(held) // at_most)]
    fresh, fresh_rows = fresh_pieces(rows, at_most)
    return {
        "held back": judge.accuracy(read_pictures()[held], [rows[number] for number in held]),
        "fresh": judge.accuracy(torch.from_numpy(fresh).permute(0, 3, 1, 2), fresh_rows),
    }


def judge_loss(logits: tuple[Tensor, Tensor], subjects: Tensor, style: Tensor) -> Tensor:
    """Return the cross-entropies of subjects (batch, 2), which share the probability, and style (batch,)."""
    chances = F.log_softmax(logits[0].float(), dim=1)
    return F.cross_entropy(logits[1].float(), style) - chances.gather(1, subjects).mean()


def main() -> None:
    """Train for a number of minutes; say how well held-back renders are judged at every save and at the end."""
    chosen = read_options(__doc__ or "", minutes=30, batch=128, rate=3e-3, judges=True)
    pictures = torch.cat([read_pictures(folder) for folder in chosen.built])
    rows = [row for folder in chosen.built for row in read_rows(folder)]
    classes = classes_of(rows)
    remember(classes)
    subjects, style = classes.labels(rows)
    shown = torch.tensor([number for number, row in enumerate(rows) if not is_held_back(row)])
    network = JudgeNetwork(len(classes.subjects), len(classes.styles)).to(chosen.device)
    convert_conv2d_weight_memory_format(network, torch.channels_last)  # a quarter less time on one core in bfloat16
    judge = Judge(classes, network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.05)
    stage = Stage(STAGE, {"judge": network}, optimizer, Schedule.chosen(chosen))
    forward: Callable[[Tensor], tuple[Tensor, Tensor]] = torch.compile(network) if chosen.compile else network
    rng = torch.Generator().manual_seed(stage.step)
    for _ in stage.steps():
        network.train()
        index = shown[torch.randint(len(shown), (chosen.batch,), generator=rng)]
        x = disturbed(shrunk(pictures[index].to(chosen.device)), rng)
        with half_where_quick(chosen.device):
            logits = forward(x.contiguous(memory_format=torch.channels_last))
        stage.learn(judge_loss(logits, subjects[index].to(chosen.device), style[index].to(chosen.device)))
        if stage.save_if_due(chosen.save_every):
            print({name: str(found) for name, found in held_back_accuracies(judge, 500).items()}, flush=True)
    for name, found in held_back_accuracies(judge, 4000).items():
        print(f"{name}: {found}")
    if chosen.publish:
        publish(judge, PUBLISHED)


if __name__ == "__main__":
    main()
