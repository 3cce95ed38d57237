"""Learn a style from a shipped pack and draw with it, from Python.

Run: python examples/learn_and_draw.py [STEPS]
"""

import sys
from contextlib import closing
from pathlib import Path

import impasto
from impasto.core.events import TrainStep
from impasto.methods.styleforge import StyleForge, StyleForgeSettings

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300
style_file = Path("example.safetensors")

options = impasto.TrainOptions(
    style_images="pack:openmoji",
    aux_images="pack:openmoji",
    out=style_file,
    steps=steps,
    batch_size=4,
    learning_rate=1e-4,
    sample_every=0,
)
with closing(impasto.train(options, StyleForge(StyleForgeSettings()))) as events:
    for event in events:
        if isinstance(event, TrainStep) and event.step % 50 == 0:
            print(f"step {event.step}: loss {event.loss:.4f}")

base, style = impasto.open_base("pocket"), impasto.load_style(style_file)
params = impasto.SamplingParams(steps=20, guidance_scale=3.0, height=128, width=128)
wanted = [impasto.ImageRequest("a lion on a green background, zwx style", seed) for seed in range(4)]
with impasto.attached(base, [(style, 1.0)]):
    for request, image in impasto.draw(base, wanted, params):
        image.save(f"lion-{request.seed}.png")
