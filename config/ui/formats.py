"""How numbers, sizes and times are written in one language and time zone; cheap enough for every cell of a list."""

from datetime import UTC, date, datetime
from functools import lru_cache

from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext, ngettext
from markupsafe import Markup, escape

NONE = Markup('<span class="none">–</span>')
NARROW = "\N{NARROW NO-BREAK SPACE}"
STEPS = (("year", 31_556_952), ("month", 2_629_746), ("day", 86_400), ("hour", 3600), ("minute", 60))
SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")  # decimal prefixes, IEC 80000-13


class Formats:
    """Writers of one (language, time zone). Get it with `formats()`; each distinct phrase is translated once."""

    def __init__(self, zone):
        self.zone = zone
        self._group = get_format("THOUSAND_SEPARATOR")
        self._point = get_format("DECIMAL_SEPARATOR")
        self._months = [""] + [str(MONTHS_3[month]).title() for month in range(1, 13)]
        self._day = gettext("%(day)d %(month)s %(year)d")
        self._phrases = {}
        self._date = lru_cache(maxsize=4096)(self._write_date)  # a page's times are of few days

    def integer(self, number):
        """Return the number with grouped thousands."""
        return f"{number:,}".replace(",", self._group)

    def size(self, count):
        """Return a number of bytes in a unit that keeps it under 1,000, to three digits."""
        if -1000 < count < 1000:
            return f"{count}{NARROW}B"
        for unit in SIZES[1:]:
            count /= 1000
            if -999.5 < count < 999.5 or unit == SIZES[-1]:
                break
        figure = f"{count:.1f}" if -99.95 < count < 99.95 else f"{count:.0f}"
        return f"{figure.replace('.', self._point)}{NARROW}{unit}"

    def _local(self, value):
        """Return an aware time in the person's zone; at the ends of the calendar, where there is none, as it is."""
        try:
            return value.astimezone(self.zone)
        except OverflowError:
            return value

    def day(self, value):
        """Return a date; of an aware time, its date in the person's zone."""
        if isinstance(value, datetime):
            value = (self._local(value) if value.tzinfo else value).date()
        return self._date(value)

    def _write_date(self, value):
        return self._day % {"day": value.day, "month": self._months[value.month], "year": value.year}

    def clock(self, value):
        """Return date, time and zone of an aware time, and UTC behind it where the person's zone is another.

        Where it is another day in UTC, that is named too: expiry and the days of licensing are those of UTC (LG-68).
        """
        local = self._local(value)
        day = local.date()
        text = f"{self._date(day)}, {local.hour:02}:{local.minute:02}:{local.second:02} {local.tzname()}"
        if not local.utcoffset():
            return text
        absolute = value.astimezone(UTC)
        day = "" if absolute.date() == day else f"{self._date(absolute.date())}, "
        return f"{text} ({day}{absolute.hour:02}:{absolute.minute:02} UTC)"

    def moment(self, value):
        """Return an aware time as date and minute in the person's zone, as sentences say it."""
        local = self._local(value)
        return gettext("%(day)s, %(time)s") % {"day": self.day(local), "time": f"{local.hour:02}:{local.minute:02}"}

    def ago(self, value, now=None):
        """Return the distance of an aware time from now in its largest unit: "5 minutes ago", "in 2 days"."""
        seconds = int(((now or timezone.now()) - value).total_seconds())
        distance = abs(seconds)
        unit, length = next((step for step in STEPS if distance >= step[1]), ("now", 60))
        key = (unit, distance // length, seconds < 0 and unit != "now")
        if key not in self._phrases:
            self._phrases[key] = self._phrase(*key)
        return self._phrases[key]

    def time(self, value, now=None):
        """Return an aware time as `<time>`: the distance to read, the full time on hover."""
        if value is None:
            return NONE
        return Markup(self.time_html(value, now))

    def time_html(self, value, now):
        """Return the same as a plain string, for cells that are joined to a row."""
        return f'<time datetime="{value.isoformat()}" title="{self.clock(value)}">{self.ago(value, now)}</time>'

    def date(self, value):
        """Return a date as `<time>`; an aware time keeps its full form on hover."""
        if value is None:
            return NONE
        hover = f' title="{self.clock(value)}"' if isinstance(value, datetime) else ""
        return Markup(f'<time datetime="{value.isoformat()}"{hover}>{self.day(value)}</time>')

    @staticmethod
    def _phrase(unit, count, ahead):
        if unit == "now":
            return gettext("just now")
        past, future = {
            "minute": (
                ngettext("%(count)d minute ago", "%(count)d minutes ago", count),
                ngettext("in %(count)d minute", "in %(count)d minutes", count),
            ),
            "hour": (
                ngettext("%(count)d hour ago", "%(count)d hours ago", count),
                ngettext("in %(count)d hour", "in %(count)d hours", count),
            ),
            "day": (
                ngettext("%(count)d day ago", "%(count)d days ago", count),
                ngettext("in %(count)d day", "in %(count)d days", count),
            ),
            "month": (
                ngettext("%(count)d month ago", "%(count)d months ago", count),
                ngettext("in %(count)d month", "in %(count)d months", count),
            ),
            "year": (
                ngettext("%(count)d year ago", "%(count)d years ago", count),
                ngettext("in %(count)d year", "in %(count)d years", count),
            ),
        }[unit]
        return str(escape((future if ahead else past) % {"count": count}))


@lru_cache(maxsize=64)
def _formats(language, zone):
    return Formats(zone)


def formats():
    """Return the writers of the active language and time zone."""
    return _formats(get_language(), timezone.get_current_timezone())


def initials(name):
    """Return one or two capitals for an avatar: of the first and last word."""
    words = [word for word in str(name).replace("\\", " ").replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def tint(name):
    """Return 0..5, the same for the same name: the colour of an avatar."""
    return sum(str(name).encode()) % 6


def as_day(value):
    """Return a date or time for templates that show either."""
    return NONE if value is None else formats().date(value) if isinstance(value, date) else str(value)
