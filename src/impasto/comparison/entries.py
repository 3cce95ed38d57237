"""One row of a comparison: a method on a style, with every option settled and every picture looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto.comparison.config import BASE_ROW, ComparisonConfig, StyleSource
from impasto.comparison.trial import key_of, read_subjects
from impasto.core.config import validated
from impasto.core.digest import digest_of_file
from impasto.core.errors import ConfigError
from impasto.data.decompose import can_decompose
from impasto.data.packs import PREFIX, pictures_of
from impasto.data.streams import AUX, STYLE
from impasto.evaluation.feature_sets import FEWEST
from impasto.methods._protocol import Method
from impasto.registry.methods import find_method, make_method
from impasto.registry.recipes import recipe_for
from impasto.training.dataset import concept_words, gather, kinds_of, picture_hashes
from impasto.training.options import TrainOptions
from impasto.training.plan import check_options

_OURS = frozenset({"out", "overwrite", "run_dir", "seed", "device", "style_images", "dry_run", "attach"})
"""Options of training that the comparison sets itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A method on a style.

    Attributes:
        name: What the report calls it.
        method: Plug-in, or "base".
        style: What it learns and is compared with.
        values: Options of training and method.
        training: The style pictures: those of the style, or a part of them.
        style_words: What asks the base for the style.
        hashes: Of the reference and of the style pictures, with their captions.
        settled: Options and hashes of pictures that a training depends on; empty for the base.
        decompose: Whether style words stand in each clause of a prompt, as `impasto generate --decompose` does.
    """

    name: str
    method: str
    style: StyleSource
    values: Mapping[str, object]
    training: str
    style_words: str
    hashes: Mapping[str, str]
    settled: Mapping[str, Mapping[str, object]]
    decompose: bool = False

    def label(self) -> str:
        """Return how messages call it."""
        return f"{self.name} on {self.style.name}"

    def with_steps(self, steps: int) -> Entry:
        """Return the row as if the configuration stated `steps`."""
        training = {**self.settled["training"], "steps": steps}
        return replace(self, values={**self.values, "steps": steps}, settled={**self.settled, "training": training})

    def facts(self) -> dict[str, object]:
        """Return all that a trial's numbers depend on, but for seed, drawing and versions."""
        return {"method": self.method, "settled": self.settled, **self.hashes}


def entries_of(config: ComparisonConfig, style: StyleSource, base_kind: str) -> list[Entry]:
    """Return all methods of a configuration on a style, checked.

    Args:
        config: The comparison as it was asked for.
        style: One of its styles, or that of its search.
        base_kind: Whose shipped recipes apply.

    Raises:
        ConfigError: An option is unknown, wrong or without effect, or a row learns from the reference.
        DataError: A picture or a caption is missing or damaged.
    """
    subjects, captions = read_subjects(style.reference, config.num_prompts)
    if min(len(subjects), len(captions)) < FEWEST:
        raise ConfigError(
            f"style {style.name}: reference {style.reference} holds {len(subjects)} pictures, at least {FEWEST}"
        )
    return [_row(config, name, style, base_kind) for name in config.methods]


def _row(config: ComparisonConfig, name: str, style: StyleSource, base_kind: str) -> Entry:
    values = dict(config.methods[name])
    method = str(values.pop("method", name))
    if method == BASE_ROW:
        words = str(values.pop("style_words", ""))
        if values:
            raise ConfigError(f"methods.{name}: the base learns nothing, so {next(iter(values))!r} has no effect")
        return Entry(name, BASE_ROW, style, {}, style.style_images, words, _hashes(style, style.style_images), {})
    clash = sorted(_OURS & set(values))
    if clash:
        raise ConfigError(f"methods.{name}: {clash[0]!r} is set by the comparison itself: leave it out")
    parts = {stream: values.pop(f"{stream}_part", None) for stream in (STYLE, AUX)}
    decompose = _flag(values.pop("decompose", False), f"methods.{name}: decompose")
    training = _part_of(style.style_images, parts[STYLE], f"methods.{name}: style_part")
    quiet: dict[str, object] = {"base": config.base, "style_images": training, "sample_every": 0}
    quiet |= config.overridden()
    stated = recipe_for(find_method(method).name, base_kind, values.get("learn")) | quiet | values
    row = Entry(name, method, style, stated, training, "", _hashes(style, training), {}, decompose)
    return _learning(row, parts[AUX])


def _flag(given: object, option: str) -> bool:
    if not isinstance(given, bool):
        raise ConfigError(f"{option} = {given!r}: write true or false")
    return given


def _learning(row: Entry, aux_part: object) -> Entry:
    """Return a row that learns with its auxiliary pictures, after checking all as `impasto train` does."""
    where, values = f"methods.{row.name}", dict(row.values)
    method_class = find_method(row.method)
    own = {key: value for key, value in values.items() if key in method_class.Config.model_fields}
    method = make_method(method_class, validated(method_class.Config, own, source=where))
    if row.decompose and not can_decompose(concept_words(method)):
        raise ConfigError(
            f"{where}: decompose has no effect: {row.method} does not divide a style into people and backgrounds"
        )
    is_shown = AUX in kinds_of(method.prompts()) and values.get("aux", "folder") == "folder"
    if is_shown and row.style.aux_images is not None and "aux_images" not in values:
        values["aux_images"] = _part_of(row.style.aux_images, aux_part, f"{where}: aux_part")
    elif aux_part is not None:
        raise ConfigError(f"{where}: aux_part {aux_part!r} has no effect: the style's auxiliary pictures are not shown")
    if values.get("aux_images") == "":  # TOML has no nothing
        del values["aux_images"]
    return replace(row, method=method_class.name, values=values, settled=_settled(where, values, method, row.style))


def _part_of(given: str, part: object, option: str) -> str:
    """Return the part of a pack that a row shows, or `given` as it is."""
    if part is None:
        return given
    if not given.startswith(PREFIX):
        raise ConfigError(f"{option} {part!r} is a part of a pack, and {given} is a folder: make a folder of that part")
    return f"{given}/{part}"


def _settled(
    where: str, values: Mapping[str, object], method: Method, style: StyleSource
) -> dict[str, Mapping[str, object]]:
    """Return all that a training depends on."""
    shared = {key: value for key, value in values.items() if key not in type(method.settings).model_fields}
    options = validated(TrainOptions, shared | {"out": Path("style.safetensors")}, source=where)
    check_options(options)
    gathered = gather(options, method)
    pictures = gathered.pictures
    hashes = picture_hashes(pictures)
    _refuse_shown_reference(where, hashes, style)
    captioned = {stream: found for stream, found in pictures.items() if options.shows_captions(stream)}
    captions = {stream: [gathered.captions.get(each.path) for each in found] for stream, found in captioned.items()}
    kept = options.model_dump(mode="json", exclude={*_OURS, "aux_images", "sample_prompts", "sample_every", "base"})
    return {
        "training": kept,
        "method": method.settings.model_dump(mode="json"),
        "pictures": hashes,
        "captions": captions,
    }


def _refuse_shown_reference(where: str, shown: Mapping[str, Sequence[str]], style: StyleSource) -> None:
    learnt = {each for hashes in shown.values() for each in hashes}
    for path in pictures_of(style.reference, "reference", "reference"):
        if digest_of_file(path)[:16] in learnt:
            raise ConfigError(
                f"{where} on {style.name}: {path.name} of the reference is learnt from too: leave it out of one of them"
            )


def _hashes(style: StyleSource, training: str) -> dict[str, str]:
    return {
        "reference": _hash_of(pictures_of(style.reference, "reference", "reference")),
        "style": _hash_of(pictures_of(training, "style", "style_images")),
    }


def _hash_of(pictures: Sequence[Path]) -> str:
    captions = [path.with_suffix(".txt") for path in pictures]
    found = [*pictures, *(path for path in captions if path.is_file())]
    return key_of({path.name: key_of({"bytes": path.read_bytes().hex()}) for path in found})
