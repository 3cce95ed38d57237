"""Draw in the style of a picture, from Python: nothing is learnt.

Run: python examples/draw_in_the_style_of.py REFERENCE [ADAPTER] [STEPS]

With an image prompt adapter (a .safetensors file, or "own" for that of the base) the way is StyleStudio; without one
("none") it is StyleAligned.
"""

import sys
from contextlib import closing

import impasto
from impasto.controls import style_aligned, style_studio
from impasto.core.events import Generated, Planned
from impasto.models.control import Control

reference = sys.argv[1]
adapter = sys.argv[2] if len(sys.argv) > 2 else "none"
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 20

control: Control
if adapter == "none":
    control = style_aligned.StyleAligned(style_aligned.StyleAlignedSettings())
else:
    control = style_studio.StyleStudio(style_studio.StyleStudioSettings(strength=0.6, teacher=0.4))

options = impasto.TransferOptions(
    reference=(reference,),
    prompt=("a fox on a green background", "a castle on a blue background"),
    adapter="" if adapter in {"none", "own"} else adapter,
    steps=steps,
    out="in-style",
)
with closing(impasto.transfer(options, control)) as events:
    for event in events:
        if isinstance(event, Planned):
            print("\n".join(f"{what}: {value}" for what, value in event.rows))
        elif isinstance(event, Generated):
            print(f"wrote {event.path}")
