"""The window speaks the language of the settings, as far as there is a catalogue."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app.main import install_language

_CATALOGUE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de"><context><name>Sidebar</name>
<message><source>Settings</source><translation>Einstellungen</translation></message>
</context></TS>
"""


@pytest.fixture
def resources_folder(tmp_path: Path) -> Path:
    """Resources with one small German catalogue, compiled as the build does."""
    folder = tmp_path / "resources" / "translations"
    folder.mkdir(parents=True)
    source = tmp_path / "octet_de.ts"
    source.write_text(_CATALOGUE, encoding="utf-8")
    program = Path(sys.executable).with_name("pyside6-lrelease")
    subprocess.run(
        [program, source, "-qm", folder / "octet_de.qm"], check=True, capture_output=True
    )
    return folder.parent


@pytest.fixture
def application(qapp: QApplication) -> Iterator[QApplication]:
    """Left as it was."""
    before = QLocale()
    yield qapp
    for translator in qapp.findChildren(QTranslator):
        qapp.removeTranslator(translator)
        translator.deleteLater()
    QLocale.setDefault(before)


def test_a_catalogue_is_installed(application: QApplication, resources_folder: Path) -> None:
    """Words and numbers are German then."""
    code = install_language(application, "de", resources_folder)

    assert code == "de"
    assert QCoreApplication.translate("Sidebar", "Settings") == "Einstellungen"
    assert QLocale().toString(1234.5, "f", 1) == "1.234,5"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_without_a_catalogue_it_is_english(
    application: QApplication, resources_folder: Path, language: str
) -> None:
    """English has none, since it is what the sources say."""
    code = install_language(application, language, resources_folder)

    assert code == ""
    assert QCoreApplication.translate("Sidebar", "Settings") == "Settings"


def test_the_systems_language_is_followed(
    application: QApplication, resources_folder: Path
) -> None:
    """With the system's own numbers."""
    QLocale.setDefault(QLocale("de_AT"))
    code = install_language(application, "system", resources_folder)

    assert code == "de"
    assert QLocale().territory() is QLocale.Country.Austria
