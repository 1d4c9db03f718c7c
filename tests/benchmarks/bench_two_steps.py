"""Conversion against llama.cpp's two steps on the same checkpoint and threads.

    pip download --no-binary :all: --no-deps llama-cpp-python==0.3.36
    tar xf llama_cpp_python-0.3.36.tar.gz
    python -m tests.benchmarks.make_slice /tmp/slice
    python -m tests.benchmarks.bench_two_steps /tmp/slice llama_cpp_python-0.3.36/vendor/llama.cpp

The first step is its convert_hf_to_gguf.py with --outtype auto (which needs PyTorch and
transformers, the extra `reference`), the second its quantizer, called through the library that
Octet uses, too. Each is a process of its own, as is `python -m model_io convert`. The files have to
be equal. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.bench_convert import run_conversion

_QUANTIZE = """
import ctypes, sys
from llama_cpp import llama_cpp
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype, parameters.nthread = int(sys.argv[3]), int(sys.argv[4])
paths = (sys.argv[1].encode(), sys.argv[2].encode())
sys.exit(llama_cpp.llama_model_quantize(*paths, ctypes.byref(parameters)))
"""
_FILE_TYPES = {"Q4_K_M": "15", "Q6_K": "18", "Q8_0": "7"}


def run(words: Sequence[str | Path]) -> float:
    """The wall time of a Python program."""
    started = time.monotonic()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.monotonic() - started


def digest(path: Path) -> str:
    """A file's sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def measure(
    source: Path, llama_cpp: Path, quant: str, jobs: int, folder: Path
) -> dict[str, object]:
    """Both ways, one after the other, the shorter one first."""
    ours = folder / "ours"
    ours.mkdir()
    made = run_conversion(source, quant, jobs, ours)
    own_digest = digest(ours / "out.gguf")
    plain, theirs = folder / "plain.gguf", folder / "theirs.gguf"
    script = llama_cpp / "convert_hf_to_gguf.py"
    first = run([script, source, "--outtype", "auto", "--outfile", plain])
    second = run(["-c", _QUANTIZE, plain, theirs, _FILE_TYPES[quant], str(jobs)])
    return {
        "quant": quant,
        "jobs": jobs,
        "convert_step_seconds": round(first, 1),
        "quantize_step_seconds": round(second, 1),
        "one_pass_seconds": round(made.wall_seconds, 1),
        "ratio": round(made.wall_seconds / (first + second), 3),
        "same_file": own_digest == digest(theirs),
        "between_bytes": plain.stat().st_size,
        "peak_anonymous_bytes": made.peak_anonymous_bytes,
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a checkpoint, as make_slice writes it")
    parser.add_argument("llama_cpp", type=Path, help="vendor/llama.cpp of llama-cpp-python 0.3.36")
    parser.add_argument("--quant", default="Q4_K_M", choices=sorted(_FILE_TYPES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.source.absolute().parent) as folder:
        print(json.dumps(measure(**vars(given), folder=Path(folder))))


if __name__ == "__main__":
    main()
