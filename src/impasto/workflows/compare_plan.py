"""From the recipe of a comparison to its cells: every option, picture and caption is looked at before one is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from impasto.base.fingerprint import Fingerprint
from impasto.base.source import find_base
from impasto.core.config import validated
from impasto.core.digest import digest_of_file
from impasto.core.errors import ConfigError
from impasto.data.streams import AUX, STYLE
from impasto.methods._protocol import Method
from impasto.workflows.choose_method import find_method, make_method
from impasto.workflows.compare_cell import Cell, key_of, read_subjects
from impasto.workflows.compare_recipe import BASE_ROW, CompareOptions, Recipe, StyleSource
from impasto.workflows.judge import FEWEST
from impasto.workflows.open_base import choose_device, open_base
from impasto.workflows.open_features import open_features, without_folders
from impasto.workflows.packs import PREFIX, pictures_of
from impasto.workflows.recipes import recipe_for
from impasto.workflows.run_folder import library_versions
from impasto.workflows.train_options import TrainOptions
from impasto.workflows.train_plan import check_options, gather, kinds_of, picture_hashes

_OURS = frozenset({"out", "run_dir", "seed", "device", "style_images", "dry_run", "attach"})
"""Options of training that the comparison sets itself."""


def plan_cells(recipe: Recipe, options: CompareOptions) -> list[Cell]:
    """Return all cells of a recipe, checked.

    Raises:
        ConfigError: An option is unknown, wrong or without effect, or two rows are the same.
        DataError: A picture or a caption is missing or damaged.
    """
    planner = Planner.of(recipe, options)
    cells = [
        planner.cell(row, style, seed)
        for style in recipe.styles
        for row in planner.rows(style)
        for seed in recipe.seeds
    ]
    if recipe.strengths and all(cell.method == BASE_ROW for cell in cells):
        raise ConfigError("strengths have no effect: no method learns a style")
    refuse_equal_rows(cells)
    return cells


def refuse_equal_rows(cells: Sequence[Cell]) -> None:
    """Raise `ConfigError` if two cells are one."""
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(cell.key, cell)
        if other is not cell:
            raise ConfigError(f"{other.label()} and {cell.label()} are the same in every option: leave one out")


@dataclass(frozen=True, slots=True)
class Row:
    """A method on a style, with all its options.

    Attributes:
        name: In the report.
        method: Plug-in, or "base".
        values: Options of training and method.
        training: The style pictures.
        style_words: What asks the base for the style.
        settled: All options and hashes of pictures, for the key.
    """

    name: str
    method: str
    values: Mapping[str, object]
    training: str
    style_words: str
    settled: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes rows and cells of a recipe.

    Attributes:
        recipe: Methods, styles, seeds.
        options: Of the command.
        fingerprint: Of the base.
        base_kind: Whose shipped recipes apply.
    """

    recipe: Recipe
    options: CompareOptions
    fingerprint: Fingerprint
    base_kind: str

    @classmethod
    def of(cls, recipe: Recipe, options: CompareOptions) -> Self:
        """Return the planner, after base and features were opened once."""
        source = find_base(recipe.base)
        fingerprint = open_base(recipe.base, device="cpu").fingerprint()
        open_features(recipe.features, choose_device("cpu"))  # a missing package is told now, not after the training
        return cls(recipe, options, fingerprint, source.recipe)

    def rows(self, style: StyleSource) -> list[Row]:
        """Return all methods on a style."""
        subjects, captions = read_subjects(style.reference, self.recipe.num_prompts)
        if min(len(subjects), len(captions)) < FEWEST:
            raise ConfigError(
                f"style {style.name}: reference {style.reference} holds {len(subjects)} pictures, at least {FEWEST}"
            )
        return [self._row(name, given, style) for name, given in self.recipe.methods.items()]

    def _row(self, name: str, given: Mapping[str, object], style: StyleSource) -> Row:
        values = dict(given)
        method = str(values.pop("method", name))
        if method == BASE_ROW:
            words = str(values.pop("style_words", ""))
            if values:
                raise ConfigError(f"methods.{name}: the base learns nothing, so {next(iter(values))!r} has no effect")
            return Row(name, BASE_ROW, {}, style.style_images, words, {})
        return self._learning(name, method, values, style)

    def _learning(self, name: str, method_name: str, values: dict[str, object], style: StyleSource) -> Row:
        """Return a row's options: the shipped recipe, the style's pictures, then what the comparison says."""
        where = f"methods.{name}"
        clash = sorted(_OURS & set(values))
        if clash:
            raise ConfigError(f"{where}: {clash[0]!r} is set by the comparison itself: leave it out")
        parts = {stream: values.pop(f"{stream}_part", None) for stream in (STYLE, AUX)}
        training = _part_of(style.style_images, parts[STYLE], f"{where}: style_part")
        method_class = find_method(method_name)
        quiet: dict[str, object] = {"base": self.recipe.base, "style_images": training, "sample_every": 0}
        merged = recipe_for(method_class.name, self.base_kind) | quiet
        stated = merged | values
        own = {key: value for key, value in stated.items() if key in method_class.Config.model_fields}
        method = make_method(method_class, validated(method_class.Config, own, source=where))
        is_shown = AUX in kinds_of(method.prompts()) and stated.get("aux", "folder") == "folder"
        if is_shown and style.aux_images is not None:
            merged["aux_images"] = _part_of(style.aux_images, parts[AUX], f"{where}: aux_part")
        elif parts[AUX] is not None:
            raise ConfigError(f"{where}: aux_part {parts[AUX]!r} has no effect: no auxiliary pictures are shown")
        merged |= values
        if merged.get("aux_images") == "":  # TOML has no nothing
            del merged["aux_images"]
        return Row(name, method_class.name, merged, training, "", _settled(where, merged, method, style))

    def cell(self, row: Row, style: StyleSource, seed: int) -> Cell:
        """Return the cell of a row with a seed."""
        names = ("base", "features", "steps", "guidance_scale", "sampler", "num_prompts", "threads")
        drawing: dict[str, object] = {name: getattr(self.recipe, name) for name in names}
        drawing |= {"style_words": row.style_words}
        strengths = () if row.method == BASE_ROW else self.recipe.strengths
        features = without_folders(self.recipe.features)
        facts = {
            "method": row.method,
            "settled": row.settled,
            "drawing": {**drawing, "base": self.fingerprint.model_dump(), "features": features},
            "strengths": strengths,
            "seed": seed,
            "reference": _hash_of(pictures_of(style.reference, "reference", "reference")),
            "style": _hash_of(pictures_of(row.training, "style", "style_images")),
            "versions": library_versions(),
        }
        return Cell(
            row=row.name,
            method=row.method,
            style=style.name,
            seed=seed,
            values=row.values,
            reference=style.reference,
            training=row.training,
            drawing=drawing,
            device=self.options.device,
            out=self.options.out,
            key=key_of(facts),
            strengths=strengths,
        )


def _part_of(given: str, part: object, option: str) -> str:
    """Return the part of a pack that a row shows, or `given` as it is."""
    if part is None:
        return given
    if not given.startswith(PREFIX):
        raise ConfigError(f"{option} {part!r} is a part of a pack, and {given} is a folder: make a folder of that part")
    return f"{given}/{part}"


def _settled(where: str, values: Mapping[str, object], method: Method, style: StyleSource) -> dict[str, object]:
    """Return all that a training depends on, after checking options and pictures as `impasto train` does."""
    shared = {key: value for key, value in values.items() if key not in type(method.settings).model_fields}
    options = validated(TrainOptions, shared | {"out": Path("style.safetensors")}, source=where)
    check_options(options)
    hashes = picture_hashes(gather(options, method).pictures)
    _refuse_shown_reference(where, hashes, style)
    kept = options.model_dump(mode="json", exclude={*_OURS, "aux_images", "sample_prompts", "sample_every", "base"})
    return {"training": kept, "method": method.settings.model_dump(mode="json"), "pictures": hashes}


def _refuse_shown_reference(where: str, shown: Mapping[str, Sequence[str]], style: StyleSource) -> None:
    learnt = {each for hashes in shown.values() for each in hashes}
    for path in pictures_of(style.reference, "reference", "reference"):
        if digest_of_file(path)[:16] in learnt:
            raise ConfigError(
                f"{where} on {style.name}: {path.name} of the reference is learnt from too: leave it out of one of them"
            )


def _hash_of(pictures: Sequence[Path]) -> str:
    """Return one hash of pictures and their captions."""
    captions = [path.with_suffix(".txt") for path in pictures]
    found = [*pictures, *(path for path in captions if path.is_file())]
    return key_of({path.name: key_of({"bytes": path.read_bytes().hex()}) for path in found})
