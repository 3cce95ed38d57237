"""The block analysis: what is drawn is what is meant, and a run that was stopped goes on."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.cli.main import main
from impasto.core.errors import ConfigError, ResourceError
from impasto.core.events import Event, Planned, Probed, Progress
from impasto.core.rng import generator
from impasto.features._pocket_words import Pair
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.conditioning import Conditioning, joined
from impasto.models.fingerprint import Fingerprint
from impasto.models.hub import refuse_unreachable
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.models.roles import blocks_of, read_roles
from impasto.probing.options import ProbeOptions
from impasto.probing.probe import block_requests, probe
from impasto.probing.scores import PairScore, Settings, append_scores, begin_scores, read_scores

PAIR = Pair("a fox on a hill", "an owl, oil painting")
PARAMS = SamplingParams(3, 4.0, 32, 32, batch=16)


class FakeScorer:
    """Pictures by their pixels, captions by their letters; counts the pictures it is shown."""

    def __init__(self) -> None:
        self.seen = 0

    def extract(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        self.seen += len(pictures)
        small = [list(picture.resize((4, 4)).convert("RGB").tobytes()) for picture in pictures]
        return torch.nn.functional.normalize(torch.tensor(small).float() - 128, dim=-1)

    def text(self, captions: Sequence[str]) -> torch.Tensor:
        seeds = [int(sha256(caption.encode()).hexdigest()[:8], 16) for caption in captions]
        rows = [torch.randn(48, generator=generator(seed)) for seed in seeds]
        return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


# What is drawn


@pytest.fixture
def latents(base: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The latents of everything that `base` draws from now on."""
    seen: list[torch.Tensor] = []
    decode = base.decode
    monkeypatch.setattr(base, "decode", lambda x: seen.append(x.clone()) or decode(x))
    return seen


def drawn(
    base: LatentDiffusion, latents: list[torch.Tensor], requests: Sequence[ImageRequest], params: SamplingParams
) -> torch.Tensor:
    latents.clear()
    assert len(list(draw(base, requests, params))) == len(requests)
    return torch.cat(latents)


def test_the_same_prompt_changes_nothing(base: LatentDiffusion, latents: list[torch.Tensor]) -> None:
    requests = block_requests(Pair(PAIR.original, PAIR.original), base.blocks(), seed=3)
    rows = drawn(base, latents, requests, PARAMS)
    assert (rows - rows[:1]).abs().max() < 1e-5


def test_every_block_changes_its_picture(base: LatentDiffusion, latents: list[torch.Tensor]) -> None:
    blocks = base.blocks()
    original, _, *injected = drawn(base, latents, block_requests(PAIR, blocks, seed=3), PARAMS)
    assert len(injected) == len(blocks)
    assert all((row - original).abs().max() > 1e-4 for row in injected)


def test_all_rows_at_once_equal_one_at_a_time(base: LatentDiffusion, latents: list[torch.Tensor]) -> None:
    requests = block_requests(PAIR, base.blocks(), seed=3)
    together = drawn(base, latents, requests, PARAMS)
    alone = drawn(base, latents, requests, replace(PARAMS, batch=1))
    assert (together - alone).abs().max() < 1e-4


def test_all_blocks_injected_equal_other_states_everywhere(
    base: LatentDiffusion, latents: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = dict.fromkeys(base.blocks(), PAIR.injected)
    injected = drawn(base, latents, [ImageRequest(PAIR.original, 3, per_block=blocks)], PARAMS)
    encode = base.encode_prompts
    with torch.no_grad():
        mixed = Conditioning(encode([PAIR.injected]).states, encode([PAIR.original]).pooled)
    monkeypatch.setattr(
        base, "encode_prompts", lambda prompts: joined([mixed if p == "mixed" else encode([p]) for p in prompts])
    )
    everywhere = drawn(base, latents, [ImageRequest("mixed", 3)], PARAMS)
    assert (injected - everywhere).abs().max() < 1e-5


def test_a_block_differs_in_its_row_alone_and_unconditional_rows_stay(
    base: LatentDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Conditioning] = []
    predict = base.predict
    monkeypatch.setattr(base, "predict", lambda x, t, words, *rest: seen.append(words) or predict(x, t, words, *rest))
    blocks = base.blocks()
    list(draw(base, block_requests(PAIR, blocks, seed=3), PARAMS))
    variants, words = len(blocks) + 2, seen[0]
    for index, block in enumerate(blocks):
        differs = ((words.per_block[block] - words.states).abs() > 1e-5).flatten(1).any(dim=1)
        assert differs.nonzero().flatten().tolist() == [variants + 2 + index]
    if words.pooled is not None:
        pooled = words.pooled[variants:]
        assert torch.allclose(pooled[2:], pooled[:1].expand(len(blocks), -1), atol=1e-6)


# A run


@pytest.fixture
def options(tiny_folders: dict[str, Path], tmp_path: Path) -> ProbeOptions:
    """Five pairs of two families: 60 pictures, two pairs at once."""
    folder = str(tiny_folders["sdxl"])
    return ProbeOptions(base=folder, pairs=5, families="subject,style", steps=1, batch=12, out=tmp_path / "out")


def run(options: ProbeOptions, scorer: FakeScorer | None = None, *, events: int | None = None) -> list[Event]:
    """Run to the end, or stop after so many events."""
    happened: list[Event] = []
    with closing(probe(options, scorer or FakeScorer())) as stream:
        for event in stream:
            happened.append(event)
            if len(happened) == events:
                break
    return happened


def test_a_run_writes_scores_tables_pictures_and_roles(options: ProbeOptions) -> None:
    plan, *steps, probed = run(options)
    assert isinstance(plan, Planned)
    assert dict(plan.rows)["pictures"] == "60 of 32x32, 1 steps"
    assert isinstance(probed, Probed)
    done = [(event.what, event.done) for event in steps if isinstance(event, Progress)]
    assert done == [("subject", 2), ("subject", 4), ("subject", 5), ("style", 2), ("style", 4), ("style", 5)]
    assert {path.name for path in options.out.iterdir()} == {
        *("scores.jsonl", "probe.json", "table.md", "heatmap.png", "examples.png", "roles.json", "examples"),
    }
    assert probed.table == (options.out / "table.md").read_text("utf-8")
    facts = (options.out / "probe.json").read_text("utf-8")
    assert json.loads(facts)["base"] == "sdxl"
    assert str(Path(options.base).parent) not in facts
    with Image.open(options.out / "examples.png") as sheet:
        assert sheet.width > 6 * 32


def test_proposed_roles_are_read_by_the_base(options: ProbeOptions) -> None:
    run(options)
    roles = read_roles(options.out)
    assert roles is not None
    found = blocks_of(roles, ["content", "style"], open_base(options.base, device="cpu").denoiser)
    assert found["content"] != found["style"]
    evidence = json.loads((options.out / "roles.json").read_text("utf-8"))["evidence"]
    assert "fewer than 30 pairs" in evidence["content"]["doubts"]


def test_a_run_that_was_stopped_goes_on(options: ProbeOptions, tmp_path: Path) -> None:
    run(options)
    stopped = options.model_copy(update={"out": tmp_path / "stopped"})
    run(stopped, events=3)
    scores = stopped.out / "scores.jsonl"
    assert len(scores.read_text("utf-8").splitlines()) == 1 + 4
    with scores.open("a", encoding="utf-8") as stream:
        stream.write('{"family": "subject", "pai')  # killed while writing
    scorer = FakeScorer()
    plan, *_ = run(stopped, scorer)
    assert scorer.seen == 60 - 24
    assert isinstance(plan, Planned)
    assert dict(plan.rows)["pictures"] == "60 of 32x32, 1 steps; 24 are done"
    for name in ("table.md", "roles.json", "scores.jsonl"):
        assert (stopped.out / name).read_text("utf-8") == (options.out / name).read_text("utf-8")


def test_a_finished_run_draws_nothing_again(options: ProbeOptions) -> None:
    run(options)
    (options.out / "table.md").unlink()
    scorer = FakeScorer()
    run(options, scorer)
    assert scorer.seen == 0
    assert (options.out / "table.md").is_file()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps": 2}, "holds scores with steps 1, not 2: choose another folder, or remove that one"),
        ({"pairs": 6}, "holds scores with pairs 5, not 6"),
        ({"families": "subject"}, "holds scores with families subject style, not subject"),
        ({"scorer": "mine"}, "holds scores with scorer openai/clip-vit-base-patch32, not mine"),
        ({"seed": 1}, "holds scores with seed 0, not 1"),
        ({"prediction": "v"}, "holds scores with prediction as the base says, not v"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_settings_are_refused(options: ProbeOptions, change: dict[str, object], told: str) -> None:
    run(options, events=2)
    before = (options.out / "scores.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=told):
        run(options.model_copy(update=change))
    assert (options.out / "scores.jsonl").read_bytes() == before


def test_scores_of_a_base_that_was_overridden_are_not_its_own(options: ProbeOptions) -> None:
    run(options.model_copy(update={"zero_snr": "yes"}), events=2)
    with pytest.raises(ConfigError, match="holds scores with zero_snr yes, not as the base says"):
        run(options)


def test_other_weights_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    mine = Settings(Fingerprint(architecture="a", signature=(1.0,)), {"steps": 1})
    score = PairScore("style", 0, "p", "q", 0.0, 1.0, (0.25, 0.5))
    begin_scores(path, mine, [score])
    append_scores(path, [score])
    assert read_scores(path, mine) == [score, score]
    with pytest.raises(ConfigError, match="holds scores of a base with other weights"):
        read_scores(path, replace(mine, fingerprint=Fingerprint(architecture="a", signature=(1.1,))))
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text(lines[0] + "{}\n" + lines[1])
    with pytest.raises(ConfigError, match=r"scores.jsonl is damaged in line 2: remove it"):
        read_scores(path, mine)
    path.write_text("[]\n")
    with pytest.raises(ConfigError, match=r"scores.jsonl is damaged in line 1: remove it"):
        read_scores(path, mine)


# The command


def test_command_line(tiny_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["probe", "--base", str(tiny_folders["sd15"]), "--pairs", "2", "--steps", "1", "--scorer", "pocket"]
    command += ["--families", "colour, subject", "--out", str(tmp_path / "out")]
    assert main([*command, "--dry-run"]) == 0
    assert not (tmp_path / "out").exists()
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "| block | subject | colour |" in told
    assert "heatmap.png" in told


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--families", "mood"], "families = 'mood': must name some of subject, style, colour, each once"),
        (["--families", "style,style"], "must name some of subject, style, colour, each once"),
        (["--pairs", "1"], "pairs = 1: input should be greater than or equal to 2"),
        (["--scorer", "nobody/nothing"], "scorer nobody/nothing is not on this machine"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_one_line(
    tiny_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], told: str
) -> None:
    out = tmp_path / "out"
    assert main(["probe", "--base", str(tiny_folders["sdxl"]), "--out", str(out), *flags]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_scorer_that_cannot_be_had_is_told_at_once(
    options: ProbeOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before the base is opened and anything is drawn, and without asking for minutes."""
    monkeypatch.setattr("impasto.models.hub.getproxies", dict)
    monkeypatch.setattr("impasto.models.hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(
        "impasto.models.hub.socket.create_connection", lambda *_, **__: (_ for _ in ()).throw(OSError())
    )
    monkeypatch.setattr("impasto.probing.probe.open_base", lambda *_, **__: pytest.fail("the base was opened"))
    with pytest.raises(ResourceError, match=r"clip-vit-base-patch32 is not on this machine, and the hub cannot be"):
        list(probe(options))
    monkeypatch.setattr("impasto.models.hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ResourceError, match="HF_HUB_OFFLINE is set: name the folder of a CLIP checkpoint with --scor"):
        list(probe(options))
    refuse_unreachable("scorer", str(tmp_path), "")
