"""How Octet looks: the colour tokens, the type roles, and how big a pixel of the design is.

The one table of colours (nobody else writes a hex value), for light and dark, and the `Theme`
that every panel is given: it answers for colours, fonts and sizes, and says when they changed.
Knows nothing of the panels, and nothing of where the choices are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontMetricsF,
    QGuiApplication,
    QStyleHints,
)

from app.core.paths import resources
from app.ui.icons import IconShelf


@dataclass(frozen=True, slots=True)
class Colours:
    """One theme's tokens, as "#RRGGBB"."""

    canvas: str
    sidebar: str
    raised: str
    sunken: str
    bubble: str
    hover: str
    selected: str
    line: str
    line_strong: str
    control: str
    trough: str
    dot_dim: str
    scroll: str
    text: str
    text2: str
    text3: str
    accent: str
    accent_hover: str
    accent_soft: str
    on_accent: str
    focus: str
    danger: str
    danger_soft: str
    warn: str
    warn_soft: str
    good: str
    good_soft: str
    mark: str
    m_dense: str
    m_expert: str
    m_context: str
    m_work: str
    m_other: str
    m_free: str
    code_keyword: str
    code_string: str
    code_number: str
    code_comment: str
    code_name: str
    code_builtin: str
    code_error: str


# token: (light, dark)
_TABLE: dict[str, tuple[str, str]] = {
    "canvas": ("#FCFCFB", "#171A19"),
    "sidebar": ("#F2F4F2", "#111413"),
    "raised": ("#FFFFFF", "#202423"),
    "sunken": ("#F5F6F4", "#111413"),
    "bubble": ("#EAF1EF", "#263330"),
    "hover": ("#E9ECE9", "#222726"),
    "selected": ("#DFE7E4", "#2A312F"),
    "line": ("#E1E4E1", "#2E3432"),
    "line_strong": ("#B5BBB7", "#4B5451"),
    "control": ("#7F8883", "#6F7A76"),
    "trough": ("#D0D3D1", "#363C3A"),
    "dot_dim": ("#AEB4B1", "#4E5653"),
    "scroll": ("#B7BCB9", "#474F4C"),
    "text": ("#1A1F1D", "#E8ECEA"),
    "text2": ("#525B57", "#AAB3AF"),
    "text3": ("#5F6864", "#939D98"),
    "accent": ("#0B6A64", "#63CBBF"),
    "accent_hover": ("#085550", "#85DAD0"),
    "accent_soft": ("#DCEFEB", "#1B3632"),
    "on_accent": ("#FFFFFF", "#04211E"),
    "focus": ("#0B6A64", "#63CBBF"),
    "danger": ("#AE231C", "#FF9A90"),
    "danger_soft": ("#FCEAE8", "#3B1F1D"),
    "warn": ("#774A00", "#EFC06A"),
    "warn_soft": ("#FDF1DA", "#352A14"),
    "good": ("#1B6638", "#7FD69D"),
    "good_soft": ("#E2F2E7", "#17301F"),
    "mark": ("#FFE58A", "#6B5A12"),
    "m_dense": ("#0A4F4B", "#A6E5DD"),
    "m_expert": ("#16877E", "#39A79B"),
    "m_context": ("#6A5BC4", "#9C8FEE"),
    "m_work": ("#B5690A", "#E0A048"),
    "m_other": ("#7F8883", "#6F7A76"),
    "m_free": ("#ECEFEC", "#262B29"),
    "code_keyword": ("#7A2E8E", "#D7A3EA"),
    "code_string": ("#1B6638", "#8FD6A6"),
    "code_number": ("#8A4B00", "#EFC06A"),
    "code_comment": ("#5F6864", "#939D98"),
    "code_name": ("#0A5A9C", "#86BFF2"),
    "code_builtin": ("#0B6A64", "#63CBBF"),
    "code_error": ("#AE231C", "#FF9A90"),
}

LIGHT = Colours(**{name: pair[0] for name, pair in _TABLE.items()})
DARK = Colours(**{name: pair[1] for name, pair in _TABLE.items()})
TOKENS = tuple(field.name for field in fields(Colours))


def with_more_contrast(colours: Colours) -> Colours:
    """The same theme for a system that asks for more contrast."""
    return replace(
        colours,
        text2=colours.text,
        text3=colours.text,
        line=colours.control,
        line_strong=colours.control,
    )


@dataclass(frozen=True, slots=True)
class _Type:
    """A type role: size in px at 100 %, weight, and the wanted line height over the size."""

    size: int
    weight: QFont.Weight
    line_height: float
    mono: bool = False


class TypeRole(Enum):
    """What a text is for; nothing else decides its font."""

    CAPTION = _Type(12, QFont.Weight.Normal, 1.35)
    CAPTION_HEAD = _Type(12, QFont.Weight.DemiBold, 1.35)
    SMALL = _Type(13, QFont.Weight.Normal, 1.45)
    SMALL_STRONG = _Type(13, QFont.Weight.Medium, 1.45)
    SMALL_HEAD = _Type(13, QFont.Weight.DemiBold, 1.45)
    BODY = _Type(14, QFont.Weight.Normal, 1.4)
    BUTTON = _Type(14, QFont.Weight.Medium, 1.4)
    NAME = _Type(14, QFont.Weight.DemiBold, 1.4)
    READING = _Type(15, QFont.Weight.Normal, 1.55)
    CODE = _Type(13, QFont.Weight.Normal, 1.55, mono=True)
    INLINE_CODE = _Type(14, QFont.Weight.Normal, 1.55, mono=True)
    H3 = _Type(15, QFont.Weight.DemiBold, 1.3)
    H2 = _Type(17, QFont.Weight.DemiBold, 1.3)
    H1 = _Type(20, QFont.Weight.DemiBold, 1.3)
    DISPLAY = _Type(26, QFont.Weight.DemiBold, 1.3)


class Theme(QObject):
    """The look in force.

    Signals:
        changed: colours or sizes are others now; everything is to be laid out and painted anew.
    """

    changed = Signal()

    def __init__(
        self,
        mode: str = "system",
        text_size_percent: int = 100,
        hints: QStyleHints | None = None,
    ) -> None:
        """`mode` is "system", "light" or "dark"; `hints` are the application's."""
        super().__init__()
        self.icons = IconShelf(resources() / "icons")
        self.reduces_motion = False
        self.wraps_code = False
        self._mode = mode
        self._percent = text_size_percent
        self._hints = hints or QGuiApplication.styleHints()
        self._hints.colorSchemeChanged.connect(self._take_system_colours)
        self._fonts: dict[TypeRole, QFont] = {}
        self._colours = LIGHT
        self._ask_system(mode)
        self._colours = self._wanted_colours()

    @property
    def colours(self) -> Colours:
        """The tokens in force."""
        return self._colours

    @property
    def is_dark(self) -> bool:
        """Whether the dark tokens are in force."""
        return self._colours.canvas == DARK.canvas

    @property
    def text_size_percent(self) -> int:
        """80 to 200."""
        return self._percent

    @property
    def em(self) -> int:
        """The body font's size in px: breakpoints are counted in it."""
        return self.px(14)

    @property
    def reading_em(self) -> int:
        """The reading font's size in px: columns of text are counted in it."""
        return self.px(15)

    def set_mode(self, mode: str) -> None:
        """Follow the "system", or be "light" or "dark"."""
        self._mode = mode
        self._ask_system(mode)
        self._take_system_colours()

    def set_text_size(self, percent: int) -> None:
        """Every font, row and icon at `percent` of the design's size."""
        if percent != self._percent:
            self._percent = percent
            self._fonts.clear()
            self.changed.emit()

    def set_reading(self, *, reduces_motion: bool, wraps_code: bool) -> None:
        """Whether nothing slides or fades, and whether long lines of code are wrapped."""
        self.reduces_motion = reduces_motion
        if wraps_code != self.wraps_code:
            self.wraps_code = wraps_code
            self.changed.emit()

    def motion_ms(self, ms: int) -> int:
        """How long something moves."""
        return 0 if self.reduces_motion else ms

    def colour(self, token: str) -> QColor:
        """A token's colour."""
        return QColor(getattr(self._colours, token))

    def px(self, length: float) -> int:
        """A font's, row's, icon's or least width's length, at the text size in force."""
        return round(length * self._percent / 100)

    def gap(self, length: float) -> int:
        """A gap's length: it grows by a third of what text grows."""
        return round(length * (1 + (self._percent / 100 - 1) / 3))

    def font(self, role: TypeRole) -> QFont:
        """The system's font in the size and weight of `role`."""
        if role not in self._fonts:
            self._fonts[role] = self._make_font(role.value)
        return QFont(self._fonts[role])

    def line_height_percent(self, role: TypeRole) -> float:
        """What QTextBlockFormat.ProportionalHeight needs for the line height of `role`."""
        wanted = role.value.line_height * self.px(role.value.size)
        return 100 * wanted / QFontMetricsF(self.font(role)).lineSpacing()

    def line_height(self, role: TypeRole) -> int:
        """The line height of `role` in px."""
        return round(role.value.line_height * self.px(role.value.size))

    def _make_font(self, kind: _Type) -> QFont:
        system = QFontDatabase.SystemFont
        font = QFontDatabase.systemFont(system.FixedFont if kind.mono else system.GeneralFont)
        font.setPixelSize(self.px(kind.size))
        font.setWeight(kind.weight)
        if kind.mono:
            font.setFixedPitch(True)
            for feature in ("liga", "calt"):
                font.setFeature(QFont.Tag(feature), 0)
        return font

    def _ask_system(self, mode: str) -> None:
        """The native window frame follows the choice, where the system lets it."""
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(mode)
        if scheme is None:
            self._hints.unsetColorScheme()
        else:
            self._hints.setColorScheme(scheme)

    def _wanted_colours(self) -> Colours:
        dark = self._mode == "dark" or (
            self._mode == "system" and self._hints.colorScheme() == Qt.ColorScheme.Dark
        )
        colours = DARK if dark else LIGHT
        return with_more_contrast(colours) if _system_wants_contrast(self._hints) else colours

    @Slot()
    def _take_system_colours(self) -> None:
        wanted = self._wanted_colours()
        if wanted != self._colours:
            self._colours = wanted
            self.changed.emit()


def _system_wants_contrast(hints: QObject) -> bool:
    """Qt tells since 6.10; an older one is taken for "no preference"."""
    accessibility = getattr(hints, "accessibility", None)
    if accessibility is None:
        return False
    return bool(accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast)


def tabular(font: QFont) -> QFont:
    """The same font with figures of equal width, for columns, gauges and counts."""
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def without_ligatures(font: QFont) -> QFont:
    """The same font for names in which "8x7B" must stay "8x7B"."""
    for feature in ("liga", "calt"):
        font.setFeature(QFont.Tag(feature), 0)
    return font
