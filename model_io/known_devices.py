"""How quickly known GPUs read their memory, by the names that drivers give them.

Figures of the makers' specification pages, in 10⁹ bytes a second; where cards of one name differ
in more than their size the smallest. What isn't certain isn't here. Knows nothing of ggml.
"""

from __future__ import annotations

import re
from functools import cache

_FILLERS = re.compile(
    r"\b(nvidia|geforce|tesla|amd|ati|radeon|instinct|intel|apple|graphics|series|corporation)\b"
)
_MARKS = re.compile(r"\((r|tm|c)\)|[®™©]")

# A name that ends in "12gb" means a card of about that size where drivers give all sizes one name
# (of Apple's chips the computer's memory).
_TABLE = """
1792  rtx 5090, rtx 5090 d
1344  rtx 5090 d v2
960   rtx 5080
896   rtx 5070 ti
672   rtx 5070
448   rtx 5060 ti, rtx 5060
320   rtx 5050
896   rtx 5090 laptop gpu, rtx 5080 laptop gpu
672   rtx 5070 ti laptop gpu
384   rtx 5070 laptop gpu

1008  rtx 4090, rtx 4090 d
736   rtx 4080 super
717   rtx 4080
672   rtx 4070 ti super
504   rtx 4070 ti, rtx 4070 super
480   rtx 4070
288   rtx 4060 ti
272   rtx 4060
576   rtx 4090 laptop gpu
432   rtx 4080 laptop gpu
256   rtx 4070 laptop gpu, rtx 4060 laptop gpu
192   rtx 4050 laptop gpu

1008  rtx 3090 ti
936   rtx 3090
912   rtx 3080 ti, rtx 3080 12gb
760   rtx 3080 10gb
608   rtx 3070 ti
448   rtx 3070, rtx 3060 ti
360   rtx 3060 12gb
240   rtx 3060 8gb
224   rtx 3050 8gb
168   rtx 3050 6gb
512   rtx 3080 ti laptop gpu
336   rtx 3060 laptop gpu

672   titan rtx
616   rtx 2080 ti
496   rtx 2080 super
448   rtx 2080, rtx 2070 super, rtx 2070, rtx 2060 super
336   rtx 2060
336   gtx 1660 super
288   gtx 1660 ti
192   gtx 1660, gtx 1650 super
653   titan v
868   titan v ceo edition, quadro gv100
548   titan xp
484   gtx 1080 ti
320   gtx 1080
256   gtx 1070 ti, gtx 1070
192   gtx 1060, gtx 1060 6gb, gtx 1060 3gb
112   gtx 1050 ti

1792  rtx pro 6000 blackwell workstation edition
1792  rtx pro 6000 blackwell max q workstation edition
1597  rtx pro 6000 blackwell server edition
1344  rtx pro 5000 blackwell
896   rtx pro 4500 blackwell
672   rtx pro 4000 blackwell
960   rtx 6000 ada generation, rtx 5880 ada generation
576   rtx 5000 ada generation
432   rtx 4500 ada generation
360   rtx 4000 ada generation
280   rtx 4000 sff ada generation
224   rtx 2000 ada generation
768   rtx a6000, rtx a5500, rtx a5000
640   rtx a4500
448   rtx a4000
288   rtx a2000, rtx a2000 12gb
672   quadro rtx 8000, quadro rtx 6000
448   quadro rtx 5000
416   quadro rtx 4000
432   quadro p6000
288   quadro p5000
243   quadro p4000

8000  b200
4800  h200, h200 nvl
3938  h100 nvl
3352  h100 80gb hbm3
2039  h100 pcie, a100 sxm4 80gb
1935  a100 80gb pcie
1555  a100 sxm4 40gb, a100 pcie 40gb
933   a30
600   a10, a10g
696   a40
864   l40s, l40
300   l4
320   t4
273   gb10
205   jetson agx orin 32gb
136   jetson agx xavier 32gb
1134  v100s pcie 32gb
981   v100 sxm3 32gb
900   v100 sxm2 16gb, v100 sxm2 32gb, v100 pcie 16gb, v100 pcie 32gb
897   v100 dgxs 32gb
732   p100 pcie 16gb, p100 sxm2 16gb
549   p100 pcie 12gb
346   p40
192   p4
288   m40, m40 24gb

640   rx 9070 xt, rx 9070
432   rx 9070 gre
320   rx 9060 xt
960   rx 7900 xtx
800   rx 7900 xt
576   rx 7900 gre
624   rx 7800 xt
432   rx 7700 xt
288   rx 7600 xt, rx 7600
576   rx 6950 xt
512   rx 6900 xt, rx 6800 xt, rx 6800
432   rx 6750 xt
384   rx 6700 xt
320   rx 6700
280   rx 6650 xt
256   rx 6600 xt
224   rx 6600
144   rx 6500 xt
448   rx 5700 xt, rx 5700
224   rx 5500 xt
1024  vii, pro vii
484   rx vega 64
410   rx vega 56
256   rx 590, rx 580
224   rx 570

640   ai pro r9700
864   pro w7900
576   pro w7800
512   pro w6800, pro w6800x, pro w6900x, pro v620
504   pro v710
224   pro w6600
1024  pro vega ii duo
825   pro vega ii
8000  mi350x, mi355x
6000  mi325x
5300  mi300x
1638  mi210, mi250, mi250x
1229  mi100
1024  mi60, mi50
256   8060s, 8050s

456   arc b580
380   arc b570
456   arc pro b60
224   arc pro b50
560   arc a770 16gb
512   arc a770 8gb, arc a750, arc a580
186   arc a380
124   arc a310

153   m5
546   m4 max 48gb, m4 max 64gb, m4 max 128gb
410   m4 max
273   m4 pro
120   m4
819   m3 ultra
400   m3 max 48gb, m3 max 64gb, m3 max 128gb
300   m3 max
150   m3 pro
100   m3
800   m2 ultra, m1 ultra
400   m2 max, m1 max
200   m2 pro, m1 pro
100   m2
68    m1
"""


def known_bandwidth(description: str, memory_bytes: int) -> float | None:
    """Bytes a second of the GPU that a driver calls `description`; None if it isn't known.

    `memory_bytes` are its own, or the whole computer's where the memory is one. Only a whole name
    is a match: an "RTX 4070 Ti" is no "RTX 4070", nor is a laptop's.
    """
    name = plain_name(description)
    table = _bandwidths()
    gigabytes = round(memory_bytes / 2**30)
    return table.get(f"{name} {gigabytes}gb", table.get(name))


def plain_name(description: str) -> str:
    """A GPU's name without its maker, marks, and what a driver adds in brackets; lower case.

    >>> plain_name("AMD Radeon RX 7900 XTX (RADV NAVI31)")
    'rx 7900 xtx'
    >>> plain_name("NVIDIA A100-SXM4-80GB")
    'a100 sxm4 80gb'
    """
    name = _MARKS.sub(" ", description.lower())
    name = re.sub(r"\([^()]*\)", " ", name).replace("-", " ")
    name = re.sub(r"\b(\d+) gb\b", r"\1gb", _FILLERS.sub(" ", name))
    return " ".join(name.split())


@cache
def _bandwidths() -> dict[str, float]:
    table = {}
    for line in _TABLE.split("\n"):
        figure, _, names = line.strip().partition(" ")
        for name in names.split(","):
            if name.strip():
                table[name.strip()] = float(figure) * 1e9
    return table
