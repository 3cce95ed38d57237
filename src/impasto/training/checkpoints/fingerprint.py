"""What makes a run the same run: compared before it is resumed, most of it before the base is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from impasto.core.digest import digest_of_file, digest_of_json
from impasto.core.errors import RunError
from impasto.core.files import is_file
from impasto.core.paths import without_folders
from impasto.core.versions import library_versions
from impasto.methods._protocol import Method
from impasto.models.fingerprint import Fingerprint
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.style.references import parse_style
from impasto.training.dataset import Gathered, picture_hashes
from impasto.training.options import TrainOptions

_FREE = {"out", "run_dir", "resume", "checkpoint_every", "cache", "dry_run", "sample_every", "sample_prompts"}
_FREE |= {"stop_early", "save_every", "track", "overwrite"}
"""Options that do not change what is learnt. All others do, also those that somebody adds later."""
_BY_CONTENT = {"style_images", "aux_images", "attach", "base", "held_out"}


def identity_of(options: TrainOptions, method: Method, gathered: Gathered) -> dict[str, object]:
    """Return all that decides what is learnt, but for the base's weights: options by value, files by content."""
    found: dict[str, object] = {"method": method.name, "base": without_folders(options.base)}
    found |= options.model_dump(mode="json", exclude=_FREE | _BY_CONTENT)
    found |= method.settings.model_dump(mode="json")
    found["attach"] = [_content_of_style(each) for each in options.attach]
    for stream, hashes in picture_hashes(gathered.pictures).items():
        found[f"{stream} pictures"] = hashes
    for stream, pictures in gathered.pictures.items():
        if options.shows_captions(stream):
            found[f"{stream} captions"] = _digest_of([gathered.captions.get(each.path) for each in pictures])
    if gathered.held_out:
        found["held-out pictures"] = picture_hashes({"": gathered.held_out})[""]
        found["held-out captions"] = _digest_of([gathered.captions.get(each.path) for each in gathered.held_out])
    return found


def _digest_of(captions: Sequence[str | None]) -> str:
    return digest_of_json(list(captions))[:16]


def _content_of_style(given: str) -> str:
    path, role, scale = parse_style(given)
    return f"{digest_of_file(path)[:16] if is_file(path) else path.name}@{role or ''}:{scale:g}"


def without_folders_of_style(given: str) -> str:
    """Return FILE@ROLE:SCALE with the last part of the file's path and with the scale written out."""
    path, role, scale = parse_style(given)
    return f"{path.name}{'@' * bool(role)}{role or ''}:{scale:g}"


def refuse_other_run(saved: Mapping[str, object], present: Mapping[str, object], done: int, folder: Path) -> None:
    """Raise `RunError` that names the first field in which a run differs from the one in `folder`.

    The number of steps may change where the learning rate does not depend on it: a constant schedule takes the same
    way, only longer or shorter.

    Args:
        saved: The identity that was written down.
        present: The identity of what is asked for.
        done: Steps done.
        folder: The run folder, for messages.
    """
    for field in [*present, *(name for name in saved if name not in present)]:
        now = present.get(field)
        before = saved.get(field, _default_of(field))  # an option that there was not yet had no effect
        if field == "steps":
            _refuse_steps(before, now, done, str(present.get("lr_schedule")), folder)
        elif before != now:
            raise RunError(
                f"--resume: {field} was {_shown(before, now)} in {folder} and is {_shown(now, before)} now: "
                "give what was saved, or begin anew with another --run-dir"
            )


def _default_of(field: str) -> object:
    known = TrainOptions.model_fields.get(field)
    return None if known is None or known.is_required() else known.default


def _refuse_steps(before: object, now: object, done: int, schedule: str, folder: Path) -> None:
    if before != now and schedule != "constant":
        raise RunError(
            f"--resume: steps was {before} in {folder} and is {now} now: with --lr-schedule {schedule} every rate "
            f"depends on it, so give {before}, or begin anew with another --run-dir"
        )
    if isinstance(now, int) and now < done:
        raise RunError(f"--resume: steps = {now}, but {folder} has done {done} already: give at least {done}")


def _shown(value: object, other: object) -> str:
    """Return a value for a message; of two lists, where they first differ."""
    if isinstance(value, list):
        others = other if isinstance(other, list) else []
        shorter = min(len(value), len(others))
        at = next((index for index in range(shorter) if value[index] != others[index]), shorter)
        return f"a list of {len(value)} with {value[at] if at < len(value) else 'no'} as number {at + 1}"
    text = "nothing" if value is None else " ".join(str(value).split())[:60]
    return repr(text) if isinstance(value, str) else text


def base_facts(base: LatentDiffusion) -> dict[str, object]:
    """Return what is remembered of the base and the libraries: known only once the base is loaded."""
    return {"fingerprint": base.fingerprint().model_dump(mode="json"), "versions": library_versions()}


def refuse_other_base(saved: Mapping[str, object], base: LatentDiffusion, folder: Path) -> list[str]:
    """Raise `RunError` if the run in `folder` learnt on other weights; returns notes on libraries that changed."""
    try:
        fingerprint = Fingerprint.model_validate(saved["fingerprint"])
    except (KeyError, ValidationError) as error:
        raise RunError(f"{folder} does not say on which base it learnt: begin anew with another --run-dir") from error
    if not fingerprint.matches(base.fingerprint()):
        raise RunError(
            f"--resume: the base's fingerprint was {_short(fingerprint)} in {folder} and is "
            f"{_short(base.fingerprint())} now: give the base that it began with"
        )
    versions = saved.get("versions")
    before = versions if isinstance(versions, dict) else {}
    changed = [
        f"{name} was {before.get(name)}, is {now}"
        for name, now in library_versions().items()
        if before.get(name) != now
    ]
    return [f"{', '.join(changed)}: the run goes on, but maybe not bit for bit"] if changed else []


def _short(fingerprint: Fingerprint) -> str:
    return f"{fingerprint.architecture}/{digest_of_json(list(fingerprint.signature))[:8]}"
