"""The picture of a group's seats by day, as SVG attributes (the content policy forbids styles in markup)."""

from dataclasses import dataclass

from config.ui.formats import formats

WIDTH, HEIGHT = 720, 200  # units of the drawing, which is stretched to its place
AHEAD = 30  # days that the forecast is drawn for
MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Chart:
    """Points of the polylines and polygons, and where ticks and days stand.

    ticks: (figure, share of the height from the top in percent, y); columns: (x, width, what a day's column says);
    now_x and end: the last day's place and the last drawn day's label; now_share: the former in percent of the width.
    """

    used: str
    area: str
    seats: str
    ahead: str
    band: str
    now_x: str
    now_share: str
    ticks: list[tuple[str, str, str]]
    columns: list[tuple[str, str, str]]
    rows: list[tuple[str, str]]


def draw(days, forecast) -> Chart:
    """Return the chart of days (`licensing.usage.Day`, oldest first), with its forecast where there is one."""
    words = formats()
    line = forecast.line if forecast else None
    ahead = AHEAD if line else 0
    step, top = _scale(max(max(day.used, day.seats) for day in days), line)
    span = max(len(days) - 1 + ahead, 1)

    def at(number, value):
        """Return the point of the day with this number, counted from the oldest."""
        return f"{number / span * WIDTH:.1f},{HEIGHT - min(max(value, 0), top) / top * HEIGHT:.1f}"

    last = len(days) - 1
    used = [at(number, day.used) for number, day in enumerate(days)]
    drawn = range(ahead + 1) if line else ()
    upper = [at(last + number, line.at(number) + line.margin(number)) for number in drawn]
    lower = [at(last + number, line.at(number) - line.margin(number)) for number in drawn]
    now_x = last / span * WIDTH
    share = WIDTH / (span + 1)
    said = [(words.day(day.day), f"{words.integer(day.used)} / {words.integer(day.seats)}") for day in days]
    return Chart(
        used=" ".join(used),
        area=" ".join([f"0,{HEIGHT}", *used, f"{now_x:.1f},{HEIGHT}"]),
        seats=" ".join(_stairs(days, at)),
        ahead=" ".join(at(last + number, line.at(number)) for number in drawn),
        band=" ".join([*upper, *reversed(lower)]),
        now_x=f"{now_x:.1f}",
        now_share=f"{now_x / WIDTH * 100:.1f}%",
        ticks=[
            (words.integer(value), f"{(1 - value / top) * 100:.1f}%", f"{HEIGHT - value / top * HEIGHT:.1f}")
            for value in range(0, top + 1, step)
        ],
        columns=[
            (f"{max(number / span * WIDTH - share / 2, 0):.1f}", f"{share:.1f}", f"{day}: {figures}")
            for number, (day, figures) in enumerate(said)
        ],
        rows=said[::-1],
    )


def _stairs(days, at):
    """Yield the points of the seats bought: level until the day on which their number changed."""
    before = None
    for number, day in enumerate(days):
        if before is not None and day.seats != before:
            yield at(number, before)
        if before is None or day.seats != before or number == len(days) - 1:
            yield at(number, day.seats)
        before = day.seats


def _scale(highest, line):
    """Return (step, top) of the axis: round steps of 1, 2 or 5, at most five of them, with room for the forecast."""
    wanted = max(highest, min(line.at(AHEAD) + line.margin(AHEAD), highest * 1.25) if line else 0, 1)
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * MOST_TICKS >= wanted:
                count = -(-wanted // step)
                return step, int(step * count)
        size *= 10
