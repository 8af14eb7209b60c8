"""The panel editor. The page carries a draft: every button, key and drag sends it with one step, and gets it back
changed; only Save stores it, on the version that the page showed. So it works the same with a script and without."""

import json

from django.core.exceptions import BadRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from config.errors import Refused
from config.policy import person_view
from config.ui.responses import done, fragment, page
from personalization.actions.persona import save_layout
from personalization.persona import catalogue, editing
from personalization.persona.access import get_panel
from personalization.persona.drawing import drawn, palette
from personalization.persona.forms import TileForm
from personalization.persona.layout import check, read_text
from personalization.views.persona import of_user, posted_version

TEMPLATE = "personalization/persona_panel.html"
FRAGMENT = "panel-editor"  # id of the form, which htmx replaces
NO_CHANGE = ("apply", "preview", "select", "deselect")


class _Draft:
    """What the page shows: the layout, the one before the last step, the chosen tile and its form."""

    def __init__(self, panel):
        self.panel, self.version = panel, panel.version
        self.layout, self.before = panel.layout, None
        self.chosen, self.device = "", "all"
        self.form, self.said, self.problems = None, "", {}

    @property
    def tile(self):
        return next((tile for tile in self.layout["tiles"] if tile["id"] == self.chosen), None)


@person_view(methods=("GET", "POST"))
@of_user
def panel(request, pk):
    """Show the editor, do one step on its draft, or store it."""
    draft = _Draft(get_panel(request.user, pk))
    if request.method != "POST":
        return _answer(request, draft)
    _read(request, draft)
    if draft.problems:
        return _answer(request, draft, status=422)
    step = request.POST.get("do", "apply")
    is_typed = draft.form is not None and f"{draft.form.prefix}-label" in request.POST
    if is_typed and step != f"remove:{draft.chosen}" and not _apply(draft):
        return _answer(request, draft, status=422)
    if step == "save":
        return _save(request, draft)
    try:
        _step(request, draft, step)
    except Refused as error:
        draft.problems = {"": error.message}
        return _answer(request, draft, status=422)
    return _answer(request, draft)


def _read(request, draft):
    """Take the draft of the page; one that is no panel any more is told mistake by mistake."""
    draft.version = posted_version(request)
    draft.device = request.POST.get("device", "all")
    if draft.device not in catalogue.DEVICES:
        raise BadRequest("no such device")
    try:
        draft.layout = _layout(request.POST.get("layout", ""))
        if request.POST.get("before"):
            draft.before = _layout(request.POST["before"])
    except Refused as error:
        request.refusal.note(error.code)
        draft.problems = error.problems
        return
    draft.chosen = request.POST.get("chosen", "")
    if draft.tile:
        draft.form = TileForm(request.POST, tile=draft.tile)


def _layout(text):
    layout = read_text(text)
    check(layout)
    if layout.keys() != {"version", "grid", "tiles"}:
        raise BadRequest("a draft has no name")
    return layout


def _apply(draft):
    """Put what was typed for the chosen tile into the draft; say whether it could be used."""
    if not draft.form.is_valid():
        return False
    tile = draft.form.changed_tile()
    if tile != draft.tile:
        _change(draft, editing.change(draft.layout, tile))
        draft.said = _("“%(tile)s” is changed.") % {"tile": catalogue.label_of(tile)}
    draft.form = None  # shown anew, with what is stored in the draft
    return True


def _change(draft, layout):
    if layout != draft.layout:
        draft.layout, draft.before = layout, draft.layout


def _step(request, draft, step):
    verb, _colon, rest = step.partition(":")
    if verb == "undo":
        if draft.before is not None:
            draft.layout, draft.before = draft.before, draft.layout
            draft.said = _("Undone.")
    elif verb == "grid":
        try:
            columns, rows = int(request.POST["columns"]), int(request.POST["rows"])
        except (KeyError, ValueError) as error:
            raise BadRequest("bad grid") from error
        if columns not in editing.COLUMNS or rows not in editing.ROWS:
            raise BadRequest("bad grid")
        result = editing.set_grid(draft.layout, columns, rows)
        _change(draft, result.layout)
        draft.said = result.said
    elif verb == "select":
        draft.chosen = editing.tile_of(draft.layout, rest)["id"]
        draft.said = draft.said or _("“%(tile)s” is chosen.") % {"tile": catalogue.label_of(draft.tile)}
    elif verb == "deselect":
        draft.chosen = ""
    elif verb == "preview":
        left_out = drawn(draft.layout, draft.device).left_out
        draft.said = (
            _("Left out there: %(tiles)s.") % {"tiles": ", ".join(left_out)} if left_out else _("Every tile is shown.")
        )
    elif verb not in NO_CHANGE:
        try:
            result = editing.run(draft.layout, step)
        except editing.UnknownStep as error:
            raise BadRequest("unknown step") from error
        _change(draft, result.layout)
        draft.chosen, draft.said = result.chosen, result.said


def _save(request, draft):
    stored = save_layout(
        owner=request.owner, panel=draft.panel, layout=draft.layout, version=draft.version, by=request.by
    )
    message = (
        _("“%(panel)s” is saved. Devices show it so from the next login there.")
        if stored.is_active
        else _("“%(panel)s” is saved. It is not the active panel, so devices do not show it yet.")
    )
    address = reverse("persona:panel", args=[stored.pk])
    return done(request, address, message=message % {"panel": stored.name})


def _answer(request, draft, *, status=200):
    tile = draft.tile
    form = draft.form or (TileForm(tile=tile) if tile else None)
    wrong = next(iter(draft.problems.values()), "") or (_("Please correct the tile.") if status == 422 else "")
    context = {
        "panel": draft.panel,
        "drawn": drawn(draft.layout, draft.device),
        "stored": json.dumps(draft.layout, ensure_ascii=False, separators=(",", ":")),
        "before": json.dumps(draft.before, ensure_ascii=False, separators=(",", ":")) if draft.before else "",
        "version": draft.version,
        "is_dirty": draft.layout != draft.panel.layout,
        "chosen": tile["id"] if tile else "",
        "tile": tile,
        "tile_name": catalogue.label_of(tile) if tile else "",
        "tile_kind": catalogue.KINDS[tile["kind"]] if tile else None,
        "form": form,
        "problems": draft.problems,
        "said": wrong or draft.said,
        "palette": palette(),
        "device": draft.device,
        "devices": [(name, words) for name, (words, _has) in catalogue.DEVICES.items()],
        "columns": editing.COLUMNS,
        "rows": editing.ROWS,
    }
    if request.htmx.target == FRAGMENT:
        return fragment(request, TEMPLATE, "editor", context, status=status)
    return page(request, TEMPLATE, context, status=status)
