"""Draw in the style of a picture: nothing is learnt.

Run: python examples/draw_in_the_style_of.py REFERENCE [ADAPTER] [STEPS]

With an image prompt adapter (a .safetensors file, or "own" for that of the base) the way is StyleStudio; without one
("none") it is StyleAligned.
"""

import sys

import impasto

reference = sys.argv[1]
adapter = sys.argv[2] if len(sys.argv) > 2 else "none"
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 20
control = impasto.StyleAligned() if adapter == "none" else impasto.StyleStudio(strength=0.6, teacher=0.4)
chosen = "" if adapter in {"none", "own"} else adapter

prompts = ["a fox on a green background", "a castle on a blue background"]
base = impasto.load("pocket")
pictures = base.transfer(prompts, reference, control=control, adapter=chosen, steps=steps)
for number, picture in enumerate(pictures):
    picture.save(f"in-style-{number}.png")
