"""Twenty conversions, from a folder and from a hub, killed at random moments: all end the same.

Two hundred go through the same trials in `tests.benchmarks.kill_conversions`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.hub_server import FakeHub
from tests.model_io.checkpoints import Shape, make_checkpoint
from tests.model_io.kills import Report, Source, files_of, run_trials

FIRST_SEED, TRIALS = 20_251_125, 20
TOY = Shape("Toy-Mixtral-8x1M", layers=2, hidden=256, ffn=512, heads=4, kv_heads=2, shards=3)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Report]:
    """What became of each."""
    folder = tmp_path_factory.mktemp("kills")
    toy = make_checkpoint(TOY, folder)
    with FakeHub(files_of(toy), name=f"toys/{toy.name}") as hub:
        sources = [
            Source("folder", str(toy)),
            Source("hub", f"hub:{hub.name}", {"HF_ENDPOINT": hub.endpoint}),
        ]
        return run_trials(range(FIRST_SEED, FIRST_SEED + TRIALS), sources, folder, at_once=2)


def test_killed_conversions_end_the_same(reports: Sequence[Report]) -> None:
    """The same bytes, answer and note, and nothing else left in the folder."""
    assert [str(report) for report in reports if report.broken] == []


def test_the_kills_meet_conversions_at_work(reports: Sequence[Report]) -> None:
    """Most of them find a journal, and what it names isn't done again."""
    assert sum(report.moment == "inside" for report in reports) >= TRIALS // 3
    assert any(report.kept for report in reports)
