"""Learn a style from a shipped pack and draw with it.

Run: python examples/learn_and_draw.py [STEPS]
"""

import sys

import impasto

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300

base = impasto.load("pocket")
style = impasto.train(base, impasto.StyleForge(), images="pack:openmoji", aux="pack:openmoji", steps=steps)
style.save("example.safetensors")

with base.styled(style, scale=0.8):
    pictures = base.generate(["a lion on a green background"], seed=0, num_images=4)
for seed, picture in enumerate(pictures):
    picture.save(f"lion-{seed}.png")
