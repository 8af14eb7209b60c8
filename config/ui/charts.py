"""Geometry of the server-drawn charts, as SVG attributes (the content policy forbids styles in markup)."""

TURN = 100  # the donut's circumference: with r = 100 / 2π a part's length is its percentage


def arcs(values):
    """Return (length, gap, offset) per value for stroke-dasharray and stroke-dashoffset of a circle of length 100."""
    total, start, parts = sum(values) or 1, 0.0, []
    for value in values:
        share = value / total * TURN
        parts.append((f"{share:.3f}", f"{TURN - share:.3f}", f"{TURN / 4 - start:.3f}"))
        start += share
    return parts


def points(values, width=120, height=32, inset=2):
    """Return the `points` of a polyline through the values, left to right."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span, step = (high - low) or 1, (width - 2 * inset) / max(len(values) - 1, 1)
    return " ".join(
        f"{inset + index * step:.1f},{height - inset - (value - low) / span * (height - 2 * inset):.1f}"
        for index, value in enumerate(values)
    )


def columns_of(values, width=360, height=96, gap=0.3):
    """Return (x, y, width, height) per value for upright bars that share a baseline at `height`."""
    top, step = max(values, default=0) or 1, width / max(len(values), 1)
    bars = []
    for index, value in enumerate(values):
        tall = max(value / top * (height - 4), 1.0 if value else 0.0)
        bars.append(
            (f"{index * step + step * gap / 2:.1f}", f"{height - tall:.1f}", f"{step * (1 - gap):.1f}", f"{tall:.1f}")
        )
    return bars
