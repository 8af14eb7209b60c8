"""The straight line through the last days of seats, its range, the day it names, and its picture."""

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.usage import FITTED_DAYS, HORIZON, Day, fitted, forecast
from licensing.usage_chart import draw

TODAY = datetime.date(2026, 6, 1)


def days(values, seats=100):
    """Return days that end today with these figures."""
    first = TODAY - datetime.timedelta(days=len(values) - 1)
    return [Day(first + datetime.timedelta(days=number), value, seats) for number, value in enumerate(values)]


@given(st.integers(14, 30), st.integers(0, 1000), st.integers(-20, 20))
def test_a_perfect_line_is_found_without_any_range(count, start, slope):
    line = fitted([start + slope * number for number in range(count)])
    assert line.slope == pytest.approx(slope, abs=1e-9)
    assert line.at(0) == pytest.approx(start + slope * (count - 1))
    assert line.at(10) == pytest.approx(start + slope * (count + 9))
    assert line.margin(30) == pytest.approx(0, abs=1e-6)


@given(st.lists(st.integers(0, 500), min_size=14, max_size=30))
def test_no_other_line_lies_closer_to_the_days(values):
    line, last = fitted(values), len(values) - 1

    def squares(start, slope):
        return sum((value - start - slope * (number - last)) ** 2 for number, value in enumerate(values))

    best = squares(line.start, line.slope)
    for start, slope in ((0.5, 0), (-0.5, 0), (0, 0.1), (0, -0.1), (1, 0.1)):
        assert best <= squares(line.start + start, line.slope + slope) + 1e-6


def t_tail(value, freedom):
    """Return the probability that Student's t lies within +-value, by Simpson's rule."""
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    steps, width = 2000, value / 2000
    weights = [1, *([4, 2] * (steps // 2 - 1)), 4, 1]
    density = (scale * (1 + (number * width) ** 2 / freedom) ** (-(freedom + 1) / 2) for number in range(steps + 1))
    return 2 * width / 3 * sum(weight * value for weight, value in zip(weights, density, strict=True))


@pytest.mark.parametrize("count", range(14, FITTED_DAYS + 1))
def test_the_range_holds_95_percent_of_a_further_day(count):
    """The quantiles are those of Student's t; the width is the textbook's, worked out here the long way."""
    values = [number + (1 if number % 2 else -1) for number in range(count)]
    line, last = fitted(values), count - 1
    residuals = [value - line.at(number - last) for number, value in enumerate(values)]
    deviation = math.sqrt(sum(one**2 for one in residuals) / (count - 2))
    mean = sum(range(count)) / count
    across = sum((number - mean) ** 2 for number in range(count))
    error = deviation * math.sqrt(1 + 1 / count + (last + 30 - mean) ** 2 / across)
    assert t_tail(line.margin(30) / error, count - 2) == pytest.approx(0.95, abs=1e-4)


def test_the_day_on_which_the_last_seat_goes_is_named():
    found = forecast(days(range(30), seats=40))  # 29 today, one more each day
    assert found.runs_out == TODAY + datetime.timedelta(days=11)
    assert found.earliest == found.latest == found.runs_out


def test_only_the_last_30_days_count():
    assert forecast(days([90] * 60 + list(range(30)), seats=40)).runs_out == TODAY + datetime.timedelta(days=11)


def test_noise_widens_the_range_around_the_day():
    values = [number + (3 if number % 2 else -3) for number in range(30)]
    found = forecast(days(values, seats=40))
    assert found.earliest < found.runs_out < found.latest


@pytest.mark.parametrize("values", [[20] * 30, list(range(60, 30, -1))])
def test_seats_that_are_level_or_fall_do_not_run_out(values):
    found = forecast(days(values))
    assert (found.runs_out, found.latest) == (None, None)


def test_seats_that_fall_do_not_run_out_where_there_were_more_of_them_before():
    found = forecast(days([60] * 29 + [40], seats=45))
    assert (found.runs_out, found.latest) == (None, None)


def test_a_day_beyond_a_year_is_not_named():
    assert forecast(days([0] * 15 + [1] * 15, seats=1000)).runs_out is None
    step = forecast(days(range(30), seats=29 + HORIZON))
    assert step.runs_out == TODAY + datetime.timedelta(days=HORIZON)
    assert forecast(days(range(30), seats=30 + HORIZON)).runs_out is None


@pytest.mark.parametrize(("count", "is_there"), [(1, False), (13, False), (14, True), (30, True)])
def test_nothing_is_foretold_below_14_days_of_data(count, is_there):
    assert (forecast(days(range(count))) is not None) is is_there


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=90))
def test_the_picture_stays_inside_its_frame(figures):
    first = TODAY - datetime.timedelta(days=len(figures) - 1)
    shown = [Day(first + datetime.timedelta(days=n), used, used + free) for n, (used, free) in enumerate(figures)]
    chart = draw(shown, forecast(shown))
    for points in (chart.used, chart.area, chart.seats, chart.ahead, chart.band):
        for x, y in (point.split(",") for point in points.split()):
            assert 0 <= float(x) <= 720
            assert 0 <= float(y) <= 200
    assert len(chart.columns) == len(chart.rows) == len(shown)
    assert 2 <= len(chart.ticks) <= 6
