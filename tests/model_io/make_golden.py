"""Makes the golden values in tests/model_io/data, from llama.cpp's and transformers' own code.

    pip install torch==2.13.0 transformers==4.57.6 gguf==0.19.0 sentencepiece safetensors \\
        numpy mistral-common protobuf
    pip download --no-binary :all: --no-deps llama-cpp-python==0.3.36
    tar xf llama_cpp_python-0.3.36.tar.gz
    python -m tests.model_io.make_golden llama_cpp_python-0.3.36/vendor/llama.cpp

For each toy checkpoint: the sha256 of the file that convert_hf_to_gguf.py --outtype bf16 writes
(and --outtype f32 and auto for the checkpoints that aren't bf16), and some logits of transformers'
MixtralForCausalLM.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.model_io.checkpoints import OTHER_DTYPES, SHAPES, Shape, make_checkpoint

DATA = Path(__file__).parent / "data"
PROMPT = (1, 17, 300, 42, 5, 700, 99, 258)
"""Token ids that every toy vocabulary has."""
LAST_POSITIONS, FIRST_TOKENS = 3, 256


def converted_sha256(llama_cpp: Path, folder: Path, outtype: str) -> str:
    """What llama.cpp's own script makes of the checkpoint."""
    target = folder.with_suffix(f".{outtype}.gguf")
    script = llama_cpp / "convert_hf_to_gguf.py"
    command = [sys.executable, script, folder, "--outtype", outtype, "--outfile", target]
    subprocess.run(command, check=True)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def reference_logits(folder: Path) -> npt.NDArray[np.float32]:
    """Logits of the prompt's last positions and the vocabulary's first tokens."""
    import torch
    from transformers import MixtralForCausalLM

    model = MixtralForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        logits = model.eval()(torch.tensor([PROMPT])).logits[0]
    values: npt.NDArray[np.float32] = logits[-LAST_POSITIONS:, :FIRST_TOKENS].numpy()
    return values


def make_values(llama_cpp: Path, shapes: list[Shape], outtype: str) -> dict[str, str]:
    """The sha256 of each shape's converted file."""
    values = {}
    for shape in shapes:
        with tempfile.TemporaryDirectory() as parent:
            folder = make_checkpoint(shape, Path(parent))
            values[shape.folder] = converted_sha256(llama_cpp, folder, outtype)
    return values


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("llama_cpp", type=Path, help="vendor/llama.cpp of llama-cpp-python 0.3.36")
    llama_cpp: Path = parser.parse_args().llama_cpp
    DATA.mkdir(exist_ok=True)
    values = {
        "bf16": make_values(llama_cpp, [*SHAPES.values(), *OTHER_DTYPES.values()], "bf16"),
        "f32": make_values(llama_cpp, list(OTHER_DTYPES.values()), "f32"),
        "auto": make_values(llama_cpp, list(OTHER_DTYPES.values()), "auto"),
    }
    (DATA / "golden.json").write_text(json.dumps(values, indent=1) + "\n")
    logits = {}
    for shape in SHAPES.values():
        with tempfile.TemporaryDirectory() as parent:
            logits[shape.folder] = reference_logits(make_checkpoint(shape, Path(parent)))
    np.savez(DATA / "golden_logits.npz", **logits)


if __name__ == "__main__":
    main()
