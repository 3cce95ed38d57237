"""impasto: teach a text-to-image diffusion model a style, and keep the words in control.

    base = impasto.load("pocket")
    style = impasto.train(base, impasto.StyleForge(), images="pack:openmoji", aux="pack:openmoji")
    with base.styled(style):
        base.generate("a lion", seed=0).save("lion.png")

The public names load on first use, so that `import impasto` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.api.base import Base, from_pipeline, load
    from impasto.api.training import train, train_events
    from impasto.controls.instant_style import InstantStyle
    from impasto.controls.style_aligned import StyleAligned
    from impasto.controls.style_studio import StyleStudio
    from impasto.core.errors import (
        BaseMismatch,
        ConfigError,
        DataError,
        ImpastoError,
        NotFinite,
        PluginError,
        ResourceError,
        RunError,
        StyleFileError,
        TrainingDiverged,
        UnsafeFile,
    )
    from impasto.core.events import (
        Checkpointed,
        Corrected,
        Event,
        Generated,
        HeldOutMeasured,
        Measured,
        Noted,
        Planned,
        Previewed,
        Probed,
        Progress,
        Sampled,
        Saved,
        StepKept,
        TrainStep,
        Verdict,
    )
    from impasto.methods.b_lora import BLoRA
    from impasto.methods.custom_diffusion import CustomDiffusion
    from impasto.methods.dreambooth import DreamBooth
    from impasto.methods.lora import LoRA
    from impasto.methods.multi_styleforge import MultiStyleForge
    from impasto.methods.styleforge import StyleForge
    from impasto.methods.textual_inversion import TextualInversion
    from impasto.models.control import Control
    from impasto.style.file import Style

__version__ = "0.1.0"

_HOMES = {
    "api.base": "Base from_pipeline load",
    "api.training": "train train_events",
    "controls.instant_style": "InstantStyle",
    "controls.style_aligned": "StyleAligned",
    "controls.style_studio": "StyleStudio",
    "core.errors": (
        "BaseMismatch ConfigError DataError ImpastoError NotFinite PluginError ResourceError RunError "
        "StyleFileError TrainingDiverged UnsafeFile"
    ),
    "core.events": (
        "Checkpointed Corrected Event Generated HeldOutMeasured Measured Noted Planned Previewed Probed Progress "
        "Sampled Saved StepKept TrainStep Verdict"
    ),
    "methods.b_lora": "BLoRA",
    "methods.custom_diffusion": "CustomDiffusion",
    "methods.dreambooth": "DreamBooth",
    "methods.lora": "LoRA",
    "methods.multi_styleforge": "MultiStyleForge",
    "methods.styleforge": "StyleForge",
    "methods.textual_inversion": "TextualInversion",
    "models.control": "Control",
    "style.file": "Style",
}
_HOME_OF = {name: f"impasto.{home}" for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "BLoRA",
    "Base",
    "BaseMismatch",
    "Checkpointed",
    "ConfigError",
    "Control",
    "Corrected",
    "CustomDiffusion",
    "DataError",
    "DreamBooth",
    "Event",
    "Generated",
    "HeldOutMeasured",
    "ImpastoError",
    "InstantStyle",
    "LoRA",
    "Measured",
    "MultiStyleForge",
    "NotFinite",
    "Noted",
    "Planned",
    "PluginError",
    "Previewed",
    "Probed",
    "Progress",
    "ResourceError",
    "RunError",
    "Sampled",
    "Saved",
    "StepKept",
    "Style",
    "StyleAligned",
    "StyleFileError",
    "StyleForge",
    "StyleStudio",
    "TextualInversion",
    "TrainStep",
    "TrainingDiverged",
    "UnsafeFile",
    "Verdict",
    "__version__",
    "from_pipeline",
    "load",
    "train",
    "train_events",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        return _plug_in(name)
    found: object = getattr(import_module(_HOME_OF[name]), name)
    return found


def _plug_in(name: str) -> object:
    """Return the class of a method or control that is not listed here, such as one of another package."""
    from impasto.core.plugins import plugin_names

    for room, kind in (("controls", "control"), ("methods", "method")):
        for each in plugin_names(f"impasto.{room}"):
            if not name.startswith("_") and each.replace("_", "") == name.lower():
                found: type = getattr(import_module(f"impasto.registry.{room}"), f"find_{kind}")(each)
                if found.__name__ == name:
                    return found
    raise AttributeError(f"impasto has no public name {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
