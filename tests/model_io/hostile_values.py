"""Values that no honest model holds: names that lead out, numbers at the edges, towers, programs.

Tables only; `mutations` says where they are put.
"""

from __future__ import annotations

import struct

NAMES = ("../x", "/etc/passwd", "..", ".", "", "a\0b", "a/b", "\\\\host\\x", "x" * 5000, "\ud800")
NUMBERS = (0, 1, 2, 7, 31, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
           2**40, 2**53, 2**60, 2**62, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
RAW_JSON = {
    "@deep list@": "[" * 100_000 + "]" * 100_000,
    "@deep object@": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "@long number@": "1" * 5000,
    "@infinite@": "1e999",
    "@NaN@": "NaN",
}
"""Values that json.dumps can't write, by the texts that stand for them."""

VALUES: tuple[object, ...] = (
    *NUMBERS, *NAMES, *RAW_JSON, -1, -(2**63), 0.5, 1e308, -1e-5, None, True, False, [], {}, [[]],
    [1, 2], ["a", None], {"a": {"b": []}}, "9" * 5000, "a b " * 500, "true", "2",
    [2**62] * 8, [0, 2**40], [-2, 0], "BF16", "F64", "MixtralForCausalLM",
)  # fmt: skip

_LAUGH = b"(" + b"h\0" * 9 + b"t" + b"q\0"
PICKLES = (
    b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.",
    b"\x80\x02cbuiltins\neval\nX\x01\0\0\x001\x85R.",
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    b"\x80\x02c__builtin__\n" + b"x" * 10_000 + b"\n.",
    b"\x80\x02}r" + struct.pack("<I", 2**31) + b".",
    b"\x80\x02j" + struct.pack("<I", 2**32 - 1) + b".",
    b"\x80\x02" + b"(" * 500_000 + b".",
    b"\x80\x02)" + b"\x85" * 900_000 + b".",
    b"\x80\x02]" + b"q\0h\0a" * 150_000 + b".",
    b"\x80\x02\x8a\xff" + b"\xff" * 254 + b"\x7f.",
    b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
    b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"x.",
    b"\x80\x02" + b"X\x01\0\0\0x" + b"q\0" + _LAUGH * 40_000 + b".",
    b"\x80\x02}(" + b"h\0" * 100_000 + b"u.",
    b"c" * 1_000_000,
    b"",
    b".",
    b"}.",
)
"""Programs, not tensors: calls, memo places far away, towers, laughs, and nothing at all."""

_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + last] * 9)}]\n"
    for last, name in zip("abcdefghi", "bcdefghij", strict=True)
)
CARDS = (
    f"{_BOMB}license: *j\n",
    f"{_BOMB}tags: *j\n",
    f"{_BOMB}base_model: *j\n",
    "license: &a [*a]\n",
    "tags: [" + "[" * 5000,
    "language: !!python/object/apply:os.system ['true']\n",
    "version: 1.0\nlicense_name: {a: b}\n",
    "base_model: " + "a-" * 20_000 + "\n",
    "base_model: [" + "x/y-7B-v0.1, " * 20_000 + "]\n",
    "base_model: " + "a--" * 30_000 + "\n",
    "base_model: [" + "x/y-7B-v0.1, " * 7_000 + "]\n",
    "tags:\n" + "- a\n" * 24_000,
    "".join(f"k{number}: [{number}]\n" for number in range(6_000)),
    "tags: " + "[" * 900 + "]" * 900 + "\n",
    "datasets: " + "/" * 20_000 + "\n",
    "name: " + "a" * 3_000_000 + "\n",
    "\n".join(f"k{number}: [{number}]" for number in range(60_000)) + "\n",
    "tags: [\ud800]\n",
    "\0",
)
