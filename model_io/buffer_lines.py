"""Reads in llama.cpp's messages how much of each memory it took.

The lines are those that src/llama-model.cpp, llama-kv-cache.cpp and llama-context.cpp write for
each buffer (llama-cpp-python 0.3.36). Knows nothing of how a model is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_BUFFER = re.compile(r":\s+(\S+)\s+(model|KV|compute|output) buffer size =\s+(\d+(?:\.\d+)?) MiB")
_REPLACED = ("compute", "output")


def read_buffers(lines: Iterable[str]) -> dict[tuple[str, str], int]:
    """The bytes of each kind ("model", "KV", "compute", "output") under each buffer's name.

    The names are ggml's: "CPU", "CPU_Mapped", "Vulkan0", "Vulkan_Host". Exact to 5 kB, as the
    lines are.
    """
    sizes: dict[tuple[str, str], int] = {}
    for line in lines:
        match = _BUFFER.search(line)
        if match is None:
            continue
        key = (match[1], match[2])
        # The room for computing may be made anew, and larger: the last line counts.
        earlier = 0 if match[2] in _REPLACED else sizes.get(key, 0)
        sizes[key] = earlier + round(float(match[3]) * 2**20)
    return sizes
