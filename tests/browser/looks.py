"""How a page looks to axe and in its frame: in both schemes, on a desk and on a telephone, with one load of the page.

Between the schemes only colours differ, so in the second one axe asks for colours alone.
"""

import os
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT

# Target size (WCAG 2.2, 2.5.8) is no rule that axe asks by itself.
EVERYTHING = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
WIDTHS = (1280, 390)
# A change of the scheme is a transition of every colour: axe would measure between the two.
SETTLED = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame(), await frame();
  await Promise.allSettled(document.getAnimations().map((one) => one.finished));
}"""


def violations(page, options=EVERYTHING):
    """Return (rule, the first elements) of what axe finds wrong."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("(options) => axe.run(options)", options)["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in found]


def resize(page, width, height):
    """Give the window a size and wait until the page lies in it: on a busy machine it follows late."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function(
        "(width) => document.documentElement.clientWidth <= width && innerWidth === width", arg=width
    )
    page.evaluate(SETTLED)


def overflow(page):
    """Return by how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def faults(page, name, *, height=2600, widths=WIDTHS, script=None):
    """Return (name, width, scheme, …) for every fault of the page as it stands, in each width and scheme.

    height: pixels; as high as the page, else what the task panel at its foot half hides is no target of its own size.
    script: a further question to the page, whose answer is a list of faults.
    """
    found = []
    for width in widths:
        resize(page, width, height)
        for scheme, options in (("light", EVERYTHING), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("(scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches", arg=scheme)
            page.evaluate(SETTLED)
            wrong = violations(page, options)
            if wrong:  # on a busy machine inherited colours follow late, in either scheme; a real fault stays
                page.wait_for_timeout(500)
                page.evaluate(SETTLED)
                wrong = violations(page, options)
            found += [(name, width, scheme, *one) for one in wrong]
            picture(page, f"{name}-{width}-{scheme}")
        if (extra := overflow(page)) > 0:
            found.append((name, width, "wider than the window by", extra))
        if script:
            found += [(name, width, one) for one in page.evaluate(script)]
    return found


def picture(page, name):
    """Keep what the page looks like where ROAMKEEP_PICTURES names a folder."""
    if folder := os.environ.get("ROAMKEEP_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name.strip('/').replace('/', '_')[-80:]}.png")
