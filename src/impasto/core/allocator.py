"""Let the C library keep freed memory, so that large tensors are not paged in anew in every step.

glibc gives blocks above a threshold back to the system when they are freed. A training step or a drawing on the CPU
frees and asks for the same large blocks over and over, and the kernel clears every page again. Measured in
`benchmarks/allocator.py`.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks for this process; returns whether it could be told.

    Left alone are other C libraries, and what the user decided with an environment variable MALLOC_….
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
