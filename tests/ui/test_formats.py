"""Numbers, sizes and times as people read them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from config.ui.formats import formats, initials, tint

NOW = datetime(2026, 11, 21, 21, 25, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (99_950, "100 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (48_211_003_122, "48.2 GB"), (10**18, "1000 PB"), (-1500, "-1.5 kB")],
)  # fmt: skip
def test_sizes_have_three_digits_and_a_unit(count, text):
    assert formats().size(count).replace("\N{NARROW NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("distance", "text"),
    [(timedelta(seconds=59), "just now"), (timedelta(seconds=-30), "just now"), (timedelta(minutes=1), "1 minute ago"),
     (timedelta(minutes=59, seconds=59), "59 minutes ago"), (timedelta(hours=5), "5 hours ago"),
     (timedelta(days=1), "1 day ago"), (timedelta(days=45), "1 month ago"), (timedelta(days=800), "2 years ago"),
     (timedelta(minutes=-5), "in 5 minutes"), (timedelta(days=-2), "in 2 days")],
)  # fmt: skip
def test_times_are_told_by_their_distance(distance, text):
    assert formats().ago(NOW - distance, NOW) == text


def test_the_full_time_is_local_with_its_zone_and_utc_behind():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert formats().clock(NOW) == "21 Nov 2026, 22:25:07 CET (21:25 UTC)"
        assert formats().day(datetime(2026, 11, 21, 23, 30, tzinfo=UTC)) == "22 Nov 2026"
    with timezone.override(UTC):
        assert formats().clock(NOW) == "21 Nov 2026, 21:25:07 UTC"


@pytest.mark.spec("LG-68")
def test_where_it_is_another_day_in_utc_that_day_is_named_too():
    late = datetime(2026, 11, 21, 23, 30, 7, tzinfo=UTC)
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert formats().clock(late) == "22 Nov 2026, 00:30:07 CET (21 Nov 2026, 23:30 UTC)"
    with timezone.override(ZoneInfo("America/New_York")):
        assert formats().clock(late + timedelta(hours=1)) == "21 Nov 2026, 19:30:07 EST (22 Nov 2026, 00:30 UTC)"


def test_time_elements_are_machine_readable_and_none_is_a_dash():
    with timezone.override(UTC):
        html = formats().time(NOW, NOW)
    assert html == '<time datetime="2026-11-21T21:25:07+00:00" title="21 Nov 2026, 21:25:07 UTC">just now</time>'
    assert "–" in formats().time(None)
    assert formats().date(date(2026, 2, 3)) == '<time datetime="2026-02-03">3 Feb 2026</time>'


def test_each_language_has_its_own_separators():
    with translation.override("de"):
        german = formats()
        assert german.integer(1_234_567) == "1.234.567"
        assert german.size(1_500).startswith("1,5")
    assert formats().integer(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Alice Adler", "AA"), ("FIN\\jo", "FJ"), ("bob", "B"), ("", "?"), ("J. R. R. Tolkien", "JT"), ("…", "?")],
)
def test_initials_come_from_the_first_and_the_last_word(name, letters):
    assert initials(name) == letters


def test_a_name_keeps_its_colour():
    assert tint("Alice") == tint("Alice")
    assert {tint(str(number)) for number in range(50)} == set(range(6))


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("Europe/Berlin", datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
        ("America/New_York", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_at_the_ends_of_the_calendar_are_told_as_they_are(zone, time):
    with timezone.override(ZoneInfo(zone)):
        told = formats()
        assert str(time.year) in told.day(time)
        assert "UTC" in told.clock(time)
        assert str(time.year) in told.moment(time)
