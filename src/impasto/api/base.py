"""A base from Python: opened once, styled for the length of a `with`, asked for pictures.

Every method makes the options of the command of its name, with the shipped recipe as their defaults, and runs what the
command runs: the same seed gives the same picture either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, Unpack, overload

from diffusers import DiffusionPipeline
from PIL import Image

from impasto.api.desk import Desk, Picture, Styling, named_style
from impasto.api.keywords import GenerateKeywords, MixKeywords, PromptKeywords, TransferKeywords
from impasto.controls.style_aligned import StyleAligned
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.config import Model, validated
from impasto.core.errors import ConfigError
from impasto.core.events import Generated, Previewed
from impasto.generation.generate import count_pictures, generate
from impasto.generation.mix import mix
from impasto.generation.mix_options import MixOptions
from impasto.generation.options import GenerateOptions, StylizeOptions
from impasto.generation.text_to_image import Opened, stylize
from impasto.generation.transfer import transfer
from impasto.generation.transfer_options import TransferOptions, num_pictures
from impasto.generation.transfer_presets import BALANCED, preset, settings_of_adapter, without_guidance
from impasto.image_prompts.published import known_format
from impasto.models.checks.base_facts import Overrides
from impasto.models.control import Control
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import Precision, open_base, wrap_pipeline
from impasto.registry.recipes import recipe_for
from impasto.style.attach import attached
from impasto.style.references import NamedStyle, fit_styles

Prompts: TypeAlias = list[str] | tuple[str, ...]


class Base:
    """An open base model.

    Args:
        model: The base model, loaded.
        name: As `load` takes it; styles remember it, and adapters beside the base are looked for there.

    Attributes:
        model: What the library below works with.
        name: See above.
    """

    def __init__(self, model: LatentDiffusion, name: str) -> None:
        self.model = model
        self.name = name
        self._styles: tuple[NamedStyle, ...] = ()

    @property
    def pipe(self) -> DiffusionPipeline:
        """The diffusers pipeline; inside `styled`, with the styles in its weights."""
        return self.model.pipe

    @property
    def is_styled(self) -> bool:
        """Whether styles are attached right now."""
        return bool(self._styles)

    @contextmanager
    def styled(self, *styles: Styling | tuple[Styling, float], scale: float = 1.0) -> Iterator[Base]:
        """Attach styles for the length of the block; the base is bit-identical afterwards.

        Args:
            styles: Each alone or with its scale: `styled(a)`, `styled((a, 0.8), (b.style, 0.4))`.
            scale: Of those without one. W = W0 + scale · ΔW.

        Raises:
            BaseMismatch: A style was trained for another base.
            ConfigError: Styles are attached already, or two bring the same new word.
        """
        if self._styles:
            raise ConfigError("styles are attached already: name all of them in one styled(...), or leave its `with`")
        pairs = [each if isinstance(each, tuple) else (each, scale) for each in styles]
        fitted = fit_styles(self.model, [named_style(style, weight) for style, weight in pairs])
        with attached(self.model, [(named.style, named.scale) for named in fitted]):
            self._styles = tuple(fitted)
            try:
                yield self
            finally:
                self._styles = ()

    @overload
    def generate(self, prompt: str, **options: Unpack[GenerateKeywords]) -> Image.Image: ...

    @overload
    def generate(self, prompt: Prompts, **options: Unpack[GenerateKeywords]) -> list[Image.Image]: ...

    def generate(self, prompt: str | Prompts, **options: Unpack[GenerateKeywords]) -> Image.Image | list[Image.Image]:
        """Draw; the words of attached styles are added as the command line adds them.

        Args:
            prompt: One prompt, or a list of them.
            options: Of `impasto generate`, by the same names; by default those of the base's recipe. `num_images`
                goes with a list.

        Returns:
            A picture for a prompt; a list for a list: all pictures of the first prompt, then those of the next.

        Raises:
            ConfigError: An option is unknown, out of range, or has no effect.
        """
        with Desk() as desk:
            wanted = self._drawing(GenerateOptions, {"prompt": _all(prompt), "out": desk.out, **options})
            _refuse_several(prompt, count_pictures(wanted))
            return _as_asked(desk.collect(generate(wanted, opened=self._opened())), prompt)

    def generate_with_previews(
        self, prompt: str | Prompts, *, every: int = 5, **options: Unpack[GenerateKeywords]
    ) -> Iterator[Image.Image]:
        """Yield small pictures of what is coming, every so many steps, then what `generate` returns, one by one."""
        with Desk() as desk:
            given = {"prompt": _all(prompt), "out": desk.out, "preview_every": every, **options}
            for event in generate(self._drawing(GenerateOptions, given), opened=self._opened()):
                if isinstance(event, Previewed | Generated):
                    yield desk.read(event.path)

    def stylize(
        self, picture: Picture, prompt: str = "", *, strength: float = 0.6, **options: Unpack[PromptKeywords]
    ) -> Image.Image:
        """Redraw the middle square of a picture in the attached styles (SDEdit).

        Args:
            picture: A file or a picture.
            prompt: What it shows.
            strength: How much is redrawn, from 0 (nothing) to 1 (all).
            options: Of `impasto stylize`.
        """
        with Desk() as desk:
            given = {"picture": desk.file(picture), "prompt": prompt, "strength": strength, "out": desk.out, **options}
            wanted = self._drawing(StylizeOptions, given)
            return desk.collect(stylize(wanted, opened=self._opened()))[0]

    @overload
    def transfer(
        self, prompt: str, reference: Picture | Sequence[Picture], **options: Unpack[TransferKeywords]
    ) -> Image.Image: ...

    @overload
    def transfer(
        self, prompt: Prompts, reference: Picture | Sequence[Picture] = (), **options: Unpack[TransferKeywords]
    ) -> list[Image.Image]: ...

    def transfer(
        self, prompt: str | Prompts, reference: Picture | Sequence[Picture] = (), **options: Unpack[TransferKeywords]
    ) -> Image.Image | list[Image.Image]:
        """Draw in the style of pictures, without learning.

        Args:
            prompt: One prompt, or a list of them.
            reference: One picture, or several that make one style together; none with `together=True`.
            options: Of `impasto transfer`. `control` is how the style joins the words, by default `StyleStudio()` with
                the settings measured for this base or published with the adapter; `start`, `structure` and `mask` may
                be pictures in memory.

        Returns:
            A picture for a prompt, a list for a list.
        """
        usual = StyleAligned() if options.get("together") else StyleStudio()
        chosen, defaults = self._with_preset(options.pop("control", None) or usual, options.get("adapter", ""))
        if options.get("guidance_scale") == 1:
            defaults = without_guidance(defaults)
        with Desk() as desk:
            given: dict[str, object] = {name: desk.as_file(value) for name, value in options.items()}
            references = [reference] if isinstance(reference, str | Path | Image.Image) else reference
            given |= {"reference": tuple(str(desk.file(each)) for each in references)}
            given |= {"prompt": _all(prompt), "out": desk.out}
            wanted = self._drawing(TransferOptions, defaults | given)
            _refuse_several(prompt, num_pictures(wanted))
            return _as_asked(desk.collect(transfer(wanted, chosen, opened=self._opened())), prompt)

    def mix(
        self,
        content: Styling | tuple[Styling, float] | None = None,
        style: Styling | tuple[Styling, float] | None = None,
        **options: Unpack[MixKeywords],
    ) -> Image.Image:
        """Draw the content of one B-LoRA in the style of another.

        Args:
            content: Whose content, with its scale if that is not 1; without, `subject` says what to draw.
            style: Whose style.
            options: Of `impasto mix`.
        """
        if self._styles:
            raise ConfigError("mix attaches its styles by itself: leave the `with` of styled(...) first")
        with Desk() as desk:
            given = {
                "content": () if content is None else (desk.style(content),),
                "style": () if style is None else (desk.style(style),),
                "out": desk.out,
            }
            wanted = self._drawing(MixOptions, given | dict(options))
            return desk.collect(mix(wanted, opened=self._opened()))[0]

    def _drawing(self, model: type[Model], given: dict[str, object]) -> Model:
        known = recipe_for("draw", self.model.recipe) | {"base": self.name} | given
        return validated(model, known, source=model.__name__.removesuffix("Options").lower())

    def _with_preset(self, control: Control, adapter: str) -> tuple[Control, dict[str, object]]:
        """Return the control and options with what is measured or published, where the caller chose nothing."""
        title = known_format(adapter) if adapter and not control.needs_reference else None
        of_adapter = settings_of_adapter(title, self.model.recipe, control.name)
        if not isinstance(control, StyleStudio):
            return control, of_adapter
        named = control.settings.model_dump(include=control.settings.model_fields_set)
        stated = dict(preset(BALANCED, self.model.recipe, named.get("mix"))) | of_adapter
        flags = {name: StyleStudio.flags.get(name, name) for name in StyleStudio.Config.model_fields}
        own = {name: stated.pop(flag) for name, flag in flags.items() if flag in stated}
        return StyleStudio(validated(StyleStudioSettings, own | named, source="StyleStudio")), stated

    def _opened(self) -> Opened:
        return Opened(self.model, self._styles)


def _all(prompt: str | Prompts) -> tuple[str, ...]:
    return (prompt,) if isinstance(prompt, str) else tuple(prompt)


def _refuse_several(prompt: str | Prompts, count: int) -> None:
    """Raise `ConfigError` where several pictures are asked for and one would be returned."""
    if isinstance(prompt, str) and count > 1:
        raise ConfigError(f"{count} pictures are asked for, which goes with a list of prompts: write [{prompt!r}]")


def _as_asked(pictures: list[Image.Image], prompt: str | Prompts) -> Image.Image | list[Image.Image]:
    return pictures[0] if isinstance(prompt, str) else pictures


def load(
    name: str = "pocket", *, device: str = "auto", precision: Precision = "auto", **facts: Unpack[Overrides]
) -> Base:
    """Return the base called `name`.

    Args:
        name: "pocket", a diffusers folder, a `.safetensors` checkpoint, or a hub name.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto, fp32, bf16 or fp16; auto is fp32 on the CPU and bf16 elsewhere. Methods that train all weights
            need fp32.
        facts: `prediction` ("epsilon" or "v") and `zero_snr` ("yes" or "no") where the base says something wrong; `vae`
            for another autoencoder.

    Raises:
        ConfigError: There is no such base.
        ResourceError: It cannot be fetched, or the device is not there.
    """
    return Base(open_base(name, device=device, precision=precision, **facts), name)


def from_pipeline(pipe: DiffusionPipeline, *, recipe: str | None = None) -> Base:
    """Return a diffusers pipeline as a base; its weights are shared, not copied.

    Args:
        pipe: A Stable Diffusion 1.x or SDXL pipeline.
        recipe: Whose measured settings fit it: "pocket", "sd15" or "sdxl"; by default its family's.

    Raises:
        ConfigError: Its class is not supported.
    """
    return Base(wrap_pipeline(pipe, recipe), str(getattr(pipe, "name_or_path", "") or type(pipe).__name__))
