"""What templates may call besides the macros of `ui`: filters for numbers and times, and the icons."""

from config.ui.charts import arcs, columns_of, points
from config.ui.formats import NONE, as_day, formats, initials, tint
from config.ui.icons import icon_markup


def _or_none(writer):
    def write(value):
        return NONE if value is None else getattr(formats(), writer)(value)

    return write


def install(environment):
    """Add filters and globals to a Jinja2 environment (called once by config.jinja)."""
    environment.filters.update(
        ago=_or_none("ago"),
        clock=_or_none("clock"),
        when=_or_none("time"),
        day=as_day,
        bytes=_or_none("size"),
        integer=_or_none("integer"),
        initials=initials,
        tint=tint,
    )
    environment.globals.update(
        icon_markup=icon_markup, chart_arcs=arcs, chart_columns=columns_of, chart_points=points, zip=zip
    )
