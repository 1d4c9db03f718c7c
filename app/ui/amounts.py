"""Numbers as the window says them: with a unit, by the system's locale, times as people say them.

Knows nothing of where the numbers come from.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QDate, QLocale

_PACES = (
    (3, "much slower than you read"),
    (9, "slower than you read"),
    (15, "about as fast as you read"),
    (40, "faster than you read"),
)


def count_text(count: int) -> str:
    """A count with the locale's separators: "16,384"."""
    return _locale().toString(count)


def tokens_text(count: int) -> str:
    """ "1 token", "4,100 tokens"."""
    return "1 token" if count == 1 else f"{count_text(count)} tokens"


def rough_count_text(count: int) -> str:
    """An estimate's two leading figures: "2,300", "2,000,000"."""
    step: int = 10 ** max(0, len(str(count)) - 2)
    return count_text(round(count / step) * step)


def messages_text(count: int) -> str:
    """ "1 message", "14 messages"."""
    return "1 message" if count == 1 else f"{count_text(count)} messages"


def speed_text(tokens_per_second: float, decimals: int = 1) -> str:
    """ "22.4 tokens/s"; from a hundred on without a decimal."""
    if tokens_per_second >= 100:
        decimals = 0
    return f"{_locale().toString(tokens_per_second, 'f', decimals)} tokens/s"


def gigabytes_text(size_bytes: float) -> str:
    """A size of memory in units of 2³⁰ bytes, without the unit: "22.9"."""
    return _locale().toString(size_bytes / 2**30, "f", 1)


def range_text(low: float, high: float) -> str:
    """An expected speed: "18 to 27 tokens/s", with a digit more where they are few."""
    decimals = 1 if high < 5 else 0
    first, last = (_locale().toString(each, "f", decimals) for each in (low, high))
    return f"{last} tokens/s" if first == last else f"{first} to {last} tokens/s"


def pace_text(tokens_per_second: float) -> str:
    """A speed as a reader feels it: "faster than you read"."""
    for limit, words in _PACES:
        if tokens_per_second < limit:
            return words
    return "far faster than you read"


def seconds_text(seconds: float) -> str:
    """A rounded time that is left: "4 s", "20 s", "3 minutes"."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    return f"{round(seconds / 60)} minutes"


def precise_seconds_text(seconds: float) -> str:
    """A measured time: "0.8 s"."""
    return f"{_locale().toString(seconds, 'f', 1)} s"


def day_head(moment: float, now: float | None = None) -> str:
    """The head under which a chat changed at `moment` is listed: Today, Yesterday, months.

    Both in seconds since the epoch.
    """
    day = _date(moment)
    today = _date(time.time() if now is None else now)
    days = day.daysTo(today)
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days <= 7:
        return "Last 7 days"
    month = _locale().standaloneMonthName(day.month())
    return month if day.year() == today.year() else f"{month} {day.year()}"


def _date(moment: float) -> QDate:
    local = time.localtime(moment)
    return QDate(local.tm_year, local.tm_mon, local.tm_mday)


def _locale() -> QLocale:
    """The texts are English; figures follow the system's region within English."""
    system = QLocale.system()
    if system.language() is QLocale.Language.English:
        return system
    return QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom)
