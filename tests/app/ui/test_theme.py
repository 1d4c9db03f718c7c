"""The tokens are those of the design, and each pair that text or a border makes can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF

from app.ui.theme import DARK, LIGHT, TOKENS, Colours, Theme, TypeRole, with_more_contrast
from tests.fakes import SystemHints

SURFACES = ("canvas", "sidebar", "raised", "sunken", "bubble", "hover", "selected")
CODE = ("keyword", "string", "number", "comment", "name", "builtin", "error")

# (ink, surface, least contrast, light and dark as the design's page says)
PAIRS: list[tuple[str, str, float, float, float]] = []


def _row(ink: str, least: float, *figures: tuple[float, float]) -> None:
    for surface, (light, dark) in zip(SURFACES, figures, strict=False):
        PAIRS.append((ink, surface, least, light, dark))


_row("text", 4.5, (16.3, 14.7), (15.1, 15.5), (16.7, 13.2), (15.4, 15.5), (14.6, 11.0),
     (14.0, 12.7), (13.3, 11.2))  # fmt: skip
_row("text2", 4.5, (6.8, 8.2), (6.3, 8.6), (7.0, 7.3), (6.5, 8.6), (6.1, 6.1), (5.9, 7.1),
     (5.6, 6.2))  # fmt: skip
_row("text3", 4.5, (5.6, 6.3), (5.2, 6.6), (5.8, 5.6), (5.3, 6.6), (5.0, 4.7), (4.8, 5.4),
     (4.6, 4.8))  # fmt: skip
_row("accent", 4.5, (6.3, 9.0), (5.8, 9.6), (6.4, 8.1), (5.9, 9.6), (5.6, 6.8), (5.4, 7.8),
     (5.1, 6.9))  # fmt: skip
_row("danger", 4.5, (6.7, 8.6), (6.2, 9.1), (6.9, 7.7))
_row("warn", 4.5, (7.4, 10.4), (6.9, 11.0), (7.6, 9.3))
_row("good", 4.5, (6.8, 10.0), (6.3, 10.6), (7.0, 9.0))
for _ink in ("control", "m_other"):
    _row(_ink, 3.0, (3.6, 3.9), (3.3, 4.2), (3.7, 3.5), (3.4, 4.2))
PAIRS += [
    ("on_accent", "accent", 4.5, 6.4, 8.7),
    ("on_accent", "accent_hover", 4.5, 8.7, 10.4),
    ("text", "accent_soft", 4.5, 14.0, 10.9),
    ("text2", "accent_soft", 4.5, 5.9, 6.0),
    ("accent", "accent_soft", 4.5, 5.4, 6.7),
    ("danger", "danger_soft", 4.5, 5.9, 7.3),
    ("text", "danger_soft", 4.5, 14.4, 12.6),
    ("text2", "danger_soft", 4.5, 6.0, 7.0),
    ("warn", "warn_soft", 4.5, 6.8, 8.3),
    ("text", "warn_soft", 4.5, 14.9, 11.8),
    ("text2", "warn_soft", 4.5, 6.3, 6.5),
    ("good", "good_soft", 4.5, 6.0, 8.1),
    ("text", "good_soft", 4.5, 14.4, 11.9),
    ("text2", "good_soft", 4.5, 6.0, 6.6),
    ("text", "mark", 4.5, 13.4, 5.7),
    ("m_dense", "m_free", 3.0, 8.1, 10.2),
    ("m_expert", "m_free", 3.0, 3.8, 4.9),
    ("m_context", "m_free", 3.0, 4.6, 5.2),
    ("m_work", "m_free", 3.0, 3.6, 6.4),
    ("m_other", "m_free", 3.0, 3.2, 3.2),
]
_CODE_FIGURES = (
    (7.4, 9.1),
    (6.4, 10.9),
    (6.3, 11.0),
    (5.3, 6.6),
    (6.6, 9.5),
    (5.9, 9.6),
    (6.3, 9.1),
)
for _name, (_light, _dark) in zip(CODE, _CODE_FIGURES, strict=True):
    PAIRS.append((f"code_{_name}", "sunken", 4.5, _light, _dark))


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of "#RRGGBB"."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("ink", "surface", "least", "light", "dark"), PAIRS)
def test_contrast_is_enough_and_as_designed(
    ink: str, surface: str, least: float, light: float, dark: float
) -> None:
    """Every pair of the design's tables, in both themes."""
    for colours, figure in ((LIGHT, light), (DARK, dark)):
        ratio = contrast(getattr(colours, ink), getattr(colours, surface))
        assert ratio >= least
        assert ratio == pytest.approx(figure, abs=0.06)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_more_contrast_raises_hints_and_lines(colours: Colours) -> None:
    """Secondary texts become text, and hairlines become borders."""
    strong = with_more_contrast(colours)
    assert strong.text2 == strong.text3 == colours.text
    assert strong.line == strong.line_strong == colours.control


def test_every_token_is_a_colour() -> None:
    """Six hexadecimal digits each, in both themes."""
    for name in TOKENS:
        for colours in (LIGHT, DARK):
            assert re.fullmatch("#[0-9A-F]{6}", getattr(colours, name))


def test_nobody_else_writes_colours() -> None:
    """No hex value stands in another module of the window, nor in the style sheet's template."""
    root = Path(__file__).parents[3]
    sources = [*root.glob("app/ui/*.py"), root / "resources" / "themes" / "controls.qss.in"]
    for source in sources:
        if source.name != "theme.py":
            assert not re.search(r"#[0-9A-Fa-f]{6}\b", source.read_text("utf-8")), source.name


def test_theme_follows_the_system_live() -> None:
    """Dark, light, and dark again, while nothing is chosen."""
    hints = SystemHints()
    theme = Theme("system", hints=hints)
    seen = []
    theme.changed.connect(lambda: seen.append(theme.is_dark))
    for scheme in (Qt.ColorScheme.Dark, Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        hints.become(scheme)
    assert seen == [True, False, True]


def test_a_chosen_theme_stays() -> None:
    """Dark stays dark, whatever the system does; the native frame is asked to follow."""
    hints = SystemHints()
    theme = Theme("dark", hints=hints)
    assert hints.asked == [Qt.ColorScheme.Dark]
    hints.become(Qt.ColorScheme.Light)
    assert theme.is_dark
    theme.set_mode("system")
    assert not theme.is_dark


def test_more_contrast_is_taken_from_the_system() -> None:
    """Where the system asks for it."""
    hints = SystemHints()
    hints.contrast = Qt.ContrastPreference.HighContrast
    assert Theme("light", hints=hints).colours == with_more_contrast(LIGHT)


def test_text_size_scales_fonts_and_rows_and_a_third_of_gaps(theme: Theme) -> None:
    """At 200 % rows double and gaps grow by a third."""
    small = theme.font(TypeRole.READING).pixelSize()
    theme.set_text_size(200)
    assert (small, theme.font(TypeRole.READING).pixelSize()) == (15, 30)
    assert theme.px(34) == 68
    assert theme.gap(24) == 32


def test_line_height_is_that_of_the_role(theme: Theme) -> None:
    """The percentage is of the font's own spacing, as Qt wants it."""
    spacing = QFontMetricsF(theme.font(TypeRole.READING)).lineSpacing()
    assert theme.line_height_percent(TypeRole.READING) * spacing / 100 == pytest.approx(23.25)


def test_no_text_is_smaller_than_twelve_px() -> None:
    """The smallest role at 100 %."""
    assert min(role.value.size for role in TypeRole) == 12
