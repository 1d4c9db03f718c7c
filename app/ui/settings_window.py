"""The settings that most people need, then the engine's. They apply at once; there is no OK.

Knows the table of settings, and nothing of who follows it.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import DataFolderError
from app.core.settings import (
    INSTRUCTIONS,
    SEND_KEY,
    STYLES,
    TEXT_SIZE_PERCENT,
    THEME,
    Setting,
    Settings,
    T,
)
from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.child_window import ChildWindow
from app.ui.engine_settings import EngineSettings
from app.ui.labels import Label, Paragraph
from app.ui.segmented import Segmented
from app.ui.setting_row import SettingRow
from app.ui.theme import Theme, TypeRole

WRITE_AFTER_MS = 500


class SettingsWindow(ChildWindow):
    """Theme, text size, send key, style, instructions; what a model is loaded by.

    Signals:
        load_requested: load the model by what is in force now.
        setting_changed(str): the name of a setting that has another value now.
        saving_failed(str): a sentence; the value holds until the program ends.
    """

    setting_changed = Signal(str)
    saving_failed = Signal(str)
    load_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        settings: Settings,
        parent: QWidget,
        is_outdated: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_outdated` tells whether the loaded model was loaded by other values."""
        super().__init__(theme, "Settings", parent)
        self._settings = settings
        self._theme_choice = Segmented(
            theme, THEME.title, (("system", "System"), ("light", "Light"), ("dark", "Dark"))
        )
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._percent = QSpinBox()
        self._send = Segmented(
            theme, SEND_KEY.title, (("enter", "Enter"), ("ctrl+enter", "Ctrl+Enter"))
        )
        self._style = Segmented(
            theme, "Style of the replies", tuple((style.name, style.name) for style in STYLES)
        )
        self._instructions = QPlainTextEdit()
        self._reset = Button(theme, "Reset to empty", ButtonKind.LINK, icon="undo", small=True)
        self._engine = EngineSettings(theme, settings, is_outdated)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WRITE_AFTER_MS)
        self._rows: list[SettingRow] = []
        self._build()
        self.show_values()
        self._connect()
        theme.changed.connect(self._take_theme)
        self._take_theme()

    @Slot()
    def open_beside(self) -> None:
        """As large as it wants to be, where the screen allows it."""
        if not self.isVisible():
            room = self.screen().availableSize() * 0.9
            self.resize(self.sizeHint().boundedTo(room))
        super().open_beside()

    @Slot()
    def show_values(self) -> None:
        """Show what is in force."""
        settings = self._settings
        self._theme_choice.show_value(settings.get(THEME))
        percent = settings.get(TEXT_SIZE_PERCENT)
        for control in (self._slider, self._percent):
            control.blockSignals(True)
            control.setValue(percent)
            control.blockSignals(False)
        self._send.show_value(settings.get(SEND_KEY))
        self._style.show_value(settings.style)
        text = settings.get(INSTRUCTIONS)
        if text != self._instructions.toPlainText().strip():
            self._instructions.blockSignals(True)
            self._instructions.setPlainText(text)
            self._instructions.blockSignals(False)
        self._show_changes()
        self.show_engine_values()

    @Slot()
    def show_engine_values(self) -> None:
        """Show what a model is loaded by, and whether the present one was."""
        self._engine.show_values()

    def sizeHint(self) -> QSize:
        """As wide as the text needs."""
        return QSize(self.theme.px(700) + 60, self.theme.px(600))

    def minimumSizeHint(self) -> QSize:
        """It scrolls."""
        return QSize(360, 300)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In little room the controls go under their text."""
        super().resizeEvent(event)
        for row in (*self._rows, *self._engine.rows):
            row.set_stacked(self.width() < 48 * self.theme.em)

    def changeEvent(self, event: QEvent) -> None:
        """Write what is being written before the window loses sight of it."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            self._write_instructions()

    def _build(self) -> None:
        theme = self.theme
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setSpacing(0)
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.addWidget(Label(theme, "Essentials", TypeRole.H1))
        titles.addWidget(Paragraph(theme, "They apply at once.", TypeRole.BODY, "text2"))
        head.addLayout(titles, 1)
        close = IconButton(theme, "close", "Close the settings", "Esc")
        close.clicked.connect(self.close)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(head)
        style_text = "Precise answers much the same each time, creative varies most."
        for title, sentence, control in (
            (THEME.title, THEME.sentence, self._theme_choice),
            (TEXT_SIZE_PERCENT.title, TEXT_SIZE_PERCENT.sentence, self._size_control()),
            (SEND_KEY.title, SEND_KEY.sentence, self._send),
            ("Style of the replies", style_text, self._style),
        ):
            row = SettingRow(theme, title, sentence, control)
            self._rows.append(row)
            layout.addWidget(row)
        layout.addWidget(self._instructions_row())
        layout.addWidget(self._engine)
        layout.addStretch(1)
        self._content_layout = layout
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def _size_control(self) -> QWidget:
        low, high = TEXT_SIZE_PERCENT.lowest or 80, TEXT_SIZE_PERCENT.highest or 200
        self._slider.setAccessibleName(TEXT_SIZE_PERCENT.title)
        self._percent.setAccessibleName(f"{TEXT_SIZE_PERCENT.title} in percent")
        self._percent.setSuffix(" %")
        self._percent.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._percent.lineEdit().setTextMargins(0, 0, self.theme.gap(8), 0)
        for control in (self._slider, self._percent):
            control.setRange(round(low), round(high))
            control.setSingleStep(10)
        self._slider.setPageStep(10)
        box = QWidget()
        layout = QHBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(self.theme.gap(12))
        layout.addWidget(Label(self.theme, "A", TypeRole.SMALL, "text2"))
        layout.addWidget(self._slider)
        layout.addWidget(Label(self.theme, "A", TypeRole.H1, "text2"))
        layout.addWidget(self._percent)
        return box

    def _instructions_row(self) -> QWidget:
        self._instructions.setAccessibleName(INSTRUCTIONS.title)
        self._instructions.setTabChangesFocus(True)
        self._instructions.setPlaceholderText("Answer briefly. Say when you are not sure.")
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        row = SettingRow(self.theme, INSTRUCTIONS.title, INSTRUCTIONS.sentence, None)
        self._instructions_head = row
        layout.addWidget(row)
        layout.addWidget(self._instructions)
        layout.addWidget(self._reset, 0, Qt.AlignmentFlag.AlignRight)
        return box

    def _connect(self) -> None:
        self._theme_choice.chosen.connect(self._take_theme_choice)
        self._slider.valueChanged.connect(self._take_percent)
        self._percent.valueChanged.connect(self._take_percent)
        self._send.chosen.connect(self._take_send_key)
        self._style.chosen.connect(self._take_style)
        self._instructions.textChanged.connect(self._timer.start)
        self._timer.timeout.connect(self._write_instructions)
        self._reset.clicked.connect(self._reset_instructions)
        self.closed.connect(self._write_instructions)
        self._engine.value_chosen.connect(self._take_engine_value)
        self._engine.load_requested.connect(self.load_requested)

    @Slot(object, object)
    def _take_engine_value(self, setting: Setting[T], value: T) -> None:
        self._set(setting, value)
        self._engine.show_values()

    @Slot(str)
    def _take_theme_choice(self, value: str) -> None:
        self._set(THEME, value)

    @Slot(int)
    def _take_percent(self, value: int) -> None:
        self._set(TEXT_SIZE_PERCENT, value)
        self.show_values()

    @Slot(str)
    def _take_send_key(self, value: str) -> None:
        self._set(SEND_KEY, value)

    @Slot(str)
    def _take_style(self, name: str) -> None:
        try:
            self._settings.choose_style(name)
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self.setting_changed.emit("temperature")

    @Slot()
    def _write_instructions(self) -> None:
        self._timer.stop()
        text = self._instructions.toPlainText().strip()
        if text != self._settings.get(INSTRUCTIONS):
            self._set(INSTRUCTIONS, text)
            self._show_changes()

    @Slot()
    def _reset_instructions(self) -> None:
        self._instructions.clear()
        self._write_instructions()

    def _set(self, setting: Setting[T], value: T) -> None:
        try:
            self._settings.set(setting, value)
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self.setting_changed.emit(setting.name)

    def _show_changes(self) -> None:
        changed = self._settings.is_changed(INSTRUCTIONS)
        self._instructions_head.show_changed(changed)
        self._reset.setVisible(changed)

    @Slot()
    def _take_theme(self) -> None:
        theme = self.theme
        side = theme.gap(36)
        self._content_layout.setContentsMargins(side, theme.gap(24), side, theme.gap(24))
        self._slider.setFixedWidth(theme.px(176))
        self._percent.setFixedWidth(theme.px(76))
        self._instructions.setFixedHeight(theme.px(84))
        self._instructions.setFont(theme.font(TypeRole.BODY))
        self.updateGeometry()
