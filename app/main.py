"""Builds everything once and joins it: the one module that knows all the others."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import traceback
from datetime import datetime
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QLocale, QObject, QSocketNotifier, QTranslator, Signal
from PySide6.QtWidgets import QApplication

from app.core.errors import OctetError
from app.core.paths import DataFolder, data_dir, open_data_folder, resources
from app.core.settings import LANGUAGE, TEXT_SIZE_PERCENT, THEME, Settings
from app.engine.client import EngineClient
from app.runtime import notices
from app.runtime.chat_session import ChatSession
from app.runtime.daily_backup import DailyBackup
from app.runtime.engine_thread import EngineThread
from app.runtime.store_thread import StoreThread
from app.ui.application_look import ApplicationLook
from app.ui.main_window import MainWindow
from app.ui.theme import Theme


def open_window(data_dir_option: Path | None, model: Path | None, *, is_offline: bool) -> int:
    """Show the window and run until it is closed; returns the exit status.

    Raises OctetError with a sentence when there is no display or no usable data folder.
    """
    if not has_display():
        raise OctetError(
            "There is no display here. The same chat works in this terminal: octet ask"
        )
    folder = open_data_folder(data_dir(data_dir_option))
    application = QApplication([sys.argv[0]])
    application.setApplicationName("Octet")
    application.setDesktopFileName("octet")
    application.setQuitOnLastWindowClosed(False)  # the window says when
    session, settings = build_session(folder, is_offline=is_offline)
    install_language(application, settings.get(LANGUAGE), resources())
    reporter = _UnexpectedErrors(folder, session)
    theme = Theme(settings.get(THEME), settings.get(TEXT_SIZE_PERCENT))
    ApplicationLook(application, theme)
    window = MainWindow(session, settings, theme)
    window.close_requested.connect(application.quit)
    ending = _EndingSignals(window)
    window.show()
    session.start(str(model.absolute()) if model else "")
    backup = DailyBackup(folder.chats)
    backup.start()
    try:
        return application.exec()
    finally:
        backup.close()
        session.close()
        ending.close()
        reporter.close()


def build_session(folder: DataFolder, *, is_offline: bool) -> tuple[ChatSession, Settings]:
    """The session on a data folder, with its threads, and the settings."""
    store = StoreThread(folder.chats)
    engine = EngineThread(folder.engine_log, EngineClient.start)
    settings = Settings(folder.settings, store.write_file)
    session = ChatSession(folder, resources(), settings, store, engine, offline=is_offline)
    return session, settings


def install_language(application: QApplication, language: str, resources_folder: Path) -> str:
    """Let the window speak `language` ("system": the system's), as far as there is a catalogue.

    Numbers and dates follow it, too, unless it is the system's. Returns the code of the catalogue
    that was installed, "" for none: then it is English.
    """
    folder = str(resources_folder / "translations")
    locale = QLocale() if language == "system" else QLocale(language)
    if language != "system":
        QLocale.setDefault(locale)
    code = QLocale.languageToCode(locale.language())
    own = QTranslator(application)
    if not own.load(f"octet_{code}", folder):
        return ""
    qt = QTranslator(application)  # Qt's own words, of menus for texts say
    if qt.load(f"qtbase_{code}", folder):
        application.installTranslator(qt)
    application.installTranslator(own)
    return code


def has_display() -> bool:
    """Whether a window can be shown: asked first, since Qt aborts the process where it can't."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("WAYLAND_DISPLAY")) or _reaches_x_server()


def _reaches_x_server() -> bool:
    if not os.environ.get("DISPLAY"):
        return False
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return False
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    has_failed = bool(xcb.xcb_connection_has_error(connection))
    xcb.xcb_disconnect(connection)
    return not has_failed


class _EndingSignals:
    """Ctrl-C in the terminal and a request to end close the window in good order.

    Python runs a signal's handler only between its own steps, and Qt's loop has none: so the
    signal's number comes through a socket that Qt watches.
    """

    def __init__(self, window: MainWindow) -> None:
        self._ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._theirs = theirs
        self._before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(window.leave)

    def close(self) -> None:
        """Stop watching."""
        signal.set_wakeup_fd(self._before)
        self._notifier.setEnabled(False)
        self._ours.close()
        self._theirs.close()


class _UnexpectedErrors(QObject):
    """What nobody has foreseen is written to the log and told in a notice, never as a traceback.

    Signals:
        error_met(str details): from whichever thread it happened on.
    """

    error_met = Signal(str)

    def __init__(self, folder: DataFolder, session: ChatSession) -> None:
        super().__init__()
        self._log_path = folder.logs / "octet.log"
        self._session = session
        self.error_met.connect(self._tell)
        sys.excepthook = self._meet
        threading.excepthook = self._meet_in_thread

    def close(self) -> None:
        """Leave errors to Python again."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def _meet(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self.error_met.emit("".join(traceback.format_exception(kind, error, trace)))

    def _meet_in_thread(self, met: threading.ExceptHookArgs) -> None:
        if met.exc_value is not None:
            self._meet(met.exc_type, met.exc_value, met.exc_traceback)

    def _tell(self, details: str) -> None:
        try:
            with self._log_path.open("a", encoding="utf-8") as log:
                log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S}\n{details}\n")
        except OSError:
            pass  # the notice has the same text
        self._session.notice_raised.emit(notices.unexpected_error(details))
