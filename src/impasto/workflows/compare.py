"""Compare methods on styles: a generator of events. Every finished cell is a file, and the report is written anew.

recipe -> cells (methods x styles x seeds), each with the hash of all that its numbers depend on
cells that have their file are done; the others run, serially or several at once
after every cell: table.md, report.json, report.html; partial until all are done
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.base.fingerprint import Fingerprint
from impasto.base.source import find_base
from impasto.core.config import read_toml, validated
from impasto.core.errors import ConfigError, ResourceError
from impasto.core.events import Event, Generated, Planned, Progress
from impasto.data.streams import AUX
from impasto.methods._protocol import Method
from impasto.workflows.choose_method import find_method, make_method
from impasto.workflows.compare_cell import Cell, key_of, read_subjects, run_cell
from impasto.workflows.compare_recipe import BASE_ROW, CompareOptions, Recipe, StyleSource
from impasto.workflows.compare_report import write_report
from impasto.workflows.executors import in_processes, on_ray, serial
from impasto.workflows.judge import FEWEST
from impasto.workflows.open_base import choose_device, open_base
from impasto.workflows.open_features import open_features, without_folders
from impasto.workflows.packs import pictures_of
from impasto.workflows.recipes import recipe_for
from impasto.workflows.run_folder import library_versions
from impasto.workflows.train_options import TrainOptions
from impasto.workflows.train_plan import check_options, gather, kinds_of, picture_hashes

_OURS = frozenset({"out", "run_dir", "seed", "device", "style_images", "dry_run", "attach"})
"""Options of training that the comparison sets itself."""


def compare(options: CompareOptions) -> Generator[Event]:
    """Yield a plan, progress, and the report's files; cells that are done already are not run again.

    Raises:
        ConfigError: The recipe has an unknown name, a wrong value or an option without effect.
        ResourceError: Cells failed; the report holds the others and is marked partial.
    """
    recipe = validated(Recipe, read_toml(options.recipe), source=str(options.recipe))
    cells = plan_cells(recipe, options)
    done = [cell for cell in cells if cell.file.is_file()]
    yield _plan(recipe, options, cells, len(done))
    if options.dry_run:
        return
    failed: dict[str, str] = {}
    write_report(options.out, cells, recipe, failed)
    count = len(done)
    yield Progress("cells", count, len(cells))
    for cell, told in _run(options, [cell for cell in cells if not cell.file.is_file()]):
        if told:
            failed[cell.label()] = told
        count += not told
        write_report(options.out, cells, recipe, failed)
        yield Progress("cells", count, len(cells))
    for name in ("table.md", "report.json", "report.html"):
        yield Generated(options.out / name, "", 0)
    if failed:
        first, told = next(iter(failed.items()))
        raise ResourceError(
            f"{len(failed)} of {len(cells)} cells failed, such as {first} ({told}): the report is partial; mend the "
            "cause and repeat the command, finished cells are kept"
        )


def _run(options: CompareOptions, cells: list[Cell]) -> Iterator[tuple[Cell, str]]:
    if not cells:
        return iter(())
    if options.executor == "ray":
        return on_ray(cells, run_cell, options.workers)
    return serial(cells, run_cell) if options.workers == 1 else in_processes(cells, run_cell, options.workers)


def plan_cells(recipe: Recipe, options: CompareOptions) -> list[Cell]:
    """Return all cells, checked: options, pictures and captions of each are looked at before the first is run."""
    source = find_base(recipe.base)
    fingerprint = open_base(recipe.base, device="cpu").fingerprint()
    open_features(recipe.features, choose_device("cpu"))  # a missing package is told now, not after the first training
    cells = []
    for style in recipe.styles:
        subjects, captions = read_subjects(style.reference, recipe.num_prompts)
        if min(len(subjects), len(captions)) < FEWEST:
            raise ConfigError(
                f"style {style.name}: reference {style.reference} holds {len(subjects)} pictures, at least {FEWEST}"
            )
        for row, given in recipe.methods.items():
            planned = _Row.of(row, given, style, recipe, source.recipe)
            cells += [_cell(planned, style, seed, recipe, options, fingerprint) for seed in recipe.seeds]
    _refuse_equal_rows(cells)
    return cells


def _refuse_equal_rows(cells: list[Cell]) -> None:
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(cell.key, cell)
        if other is not cell:
            raise ConfigError(f"{other.label()} and {cell.label()} are the same in every option: leave one out")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    method: str
    values: Mapping[str, object]
    style_words: str
    settled: Mapping[str, object]
    """All options and hashes of pictures, for the key."""

    @classmethod
    def of(cls, row: str, given: Mapping[str, object], style: StyleSource, recipe: Recipe, base_kind: str) -> _Row:
        """Return a row's options: the shipped recipe, the style's folders, then what the comparison says."""
        values = dict(given)
        name = str(values.pop("method", row))
        if name == BASE_ROW:
            words = str(values.pop("style_words", ""))
            if values:
                raise ConfigError(f"methods.{row}: the base learns nothing, so {next(iter(values))!r} has no effect")
            return cls(row, name, {}, words, {})
        clash = sorted(_OURS & set(values))
        if clash:
            raise ConfigError(f"methods.{row}: {clash[0]!r} is set by the comparison itself: leave it out")
        method_class = find_method(name)
        quiet: dict[str, object] = {"base": recipe.base, "style_images": style.style_images, "sample_every": 0}
        merged = recipe_for(method_class.name, base_kind) | quiet
        own = {key: value for key, value in (merged | values).items() if key in method_class.Config.model_fields}
        method = make_method(method_class, validated(method_class.Config, own, source=f"methods.{row}"))
        if (
            AUX in kinds_of(method.prompts())
            and style.aux_images is not None
            and values.get("aux", "folder") == "folder"
        ):
            merged["aux_images"] = style.aux_images
        merged |= values
        if merged.get("aux_images") == "":  # TOML has no nothing
            del merged["aux_images"]
        return cls(row, method_class.name, merged, "", _settled(row, merged, method))


def _settled(row: str, values: Mapping[str, object], method: Method) -> dict[str, object]:
    """Return all that a training depends on, after checking options and pictures as `impasto train` does."""
    shared = {key: value for key, value in values.items() if key not in type(method.settings).model_fields}
    options = validated(TrainOptions, shared | {"out": Path("style.safetensors")}, source=f"methods.{row}")
    check_options(options)
    hashes = picture_hashes(gather(options, method).pictures)
    kept = options.model_dump(mode="json", exclude={*_OURS, "aux_images", "sample_prompts", "sample_every", "base"})
    return {"training": kept, "method": method.settings.model_dump(mode="json"), "pictures": hashes}


def _cell(
    row: _Row, style: StyleSource, seed: int, recipe: Recipe, options: CompareOptions, fingerprint: Fingerprint
) -> Cell:
    names = ("base", "features", "steps", "guidance_scale", "sampler", "num_prompts", "threads")
    drawing: dict[str, object] = {name: getattr(recipe, name) for name in names} | {"style_words": row.style_words}
    told = {**drawing, "base": fingerprint.model_dump(), "features": without_folders(recipe.features)}
    facts = {
        "method": row.method,
        "settled": row.settled,
        "drawing": told,
        "seed": seed,
        "reference": _hash_of(pictures_of(style.reference, "reference", "reference")),
        "style": _hash_of(pictures_of(style.style_images, "style", "style_images")),
        "versions": library_versions(),
    }
    return Cell(
        row=row.name,
        method=row.method,
        style=style.name,
        seed=seed,
        values=row.values,
        reference=style.reference,
        training=style.style_images,
        drawing=drawing,
        device=options.device,
        out=options.out,
        key=key_of(facts),
    )


def _hash_of(pictures: Sequence[Path]) -> str:
    """Return one hash of pictures and their captions."""
    captions = [path.with_suffix(".txt") for path in pictures]
    found = [*pictures, *(path for path in captions if path.is_file())]
    return key_of({path.name: key_of({"bytes": path.read_bytes().hex()}) for path in found})


def _plan(recipe: Recipe, options: CompareOptions, cells: list[Cell], done: int) -> Planned:
    rows = (
        ("base", recipe.base),
        ("methods", ", ".join(recipe.methods)),
        ("styles", ", ".join(style.name for style in recipe.styles)),
        ("seeds", ", ".join(map(str, recipe.seeds))),
        ("cells", f"{len(cells)}, of which {done} are done"),
        ("pictures", f"{recipe.num_prompts or 'all'} prompts in each, {recipe.steps} steps of {recipe.sampler}"),
        ("features", recipe.features),
        ("at once", f"{options.workers} ({options.executor}), {recipe.threads} thread(s) each"),
        ("writes", str(options.out)),
    )
    notes = () if len(recipe.seeds) >= 3 else (f"{len(recipe.seeds)} seed(s): intervals need three",)
    return Planned(rows, notes)
