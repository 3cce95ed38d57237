"""Importing the library changes nothing outside it (D10 and D11 of StyleStudio's code: prints, an endpoint forced)."""

import subprocess
import sys

IMPORT_ALL = """
import importlib, os, pkgutil, random
import numpy, torch
import rich.console  # draws numbers of its own
before = dict(os.environ), torch.get_rng_state().clone(), random.getstate(), torch.get_default_dtype()
import impasto
for module in pkgutil.walk_packages(impasto.__path__, "impasto."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert dict(os.environ) == before[0], set(os.environ.items()) ^ set(before[0].items())
assert torch.equal(torch.get_rng_state(), before[1])
assert random.getstate() == before[2]
assert torch.get_default_dtype() == before[3]
assert torch.is_grad_enabled()
"""


def test_importing_everything_has_no_side_effects() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
