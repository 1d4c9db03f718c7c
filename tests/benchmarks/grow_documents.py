"""5,000 Markdown documents at random, each whole and in random pieces: the same final blocks.

    python -m tests.benchmarks.grow_documents [--documents 5000] [--cuts 3] [--first 0]

The test suite tries 600 of them; this takes minutes. Prints each document that differs, and exits
with 1 if one does.
"""

from __future__ import annotations

import argparse
import sys
import time

from app.ui.markdown import make_parser, parse_blocks
from tests.app.ui.documents import grown, random_document, random_pieces


def main() -> int:
    """Try them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    began, bad = time.perf_counter(), 0
    reader = make_parser()
    for seed in range(options.first, options.first + options.documents):
        text = random_document(seed)
        whole = parse_blocks(reader, text)
        for cut in range(options.cuts):
            pieces = random_pieces(text, seed * options.cuts + cut)
            if grown(reader, pieces) != whole:
                bad += 1
                print(f"seed {seed}, cut {cut}: {text!r}")
    seconds = time.perf_counter() - began
    print(f"{options.documents} documents, {options.cuts} cuts each, {seconds:.0f} s: {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
