"""Settings made by hypothesis, and how many examples a test takes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from personalization.formats.collection import apply
from personalization.formats.items import Folder, RegistryKey, RegistryValue, in_memory_file
from personalization.formats.paths import KNOWN_FOLDERS, well_formed

DEEP = os.environ.get("ROAMKEEP_DEEP") == "1"


def examples(quick: int, deep: int | None = None):
    """Settings of a property: `quick` examples, or many with ROAMKEEP_DEEP=1."""
    return settings(
        max_examples=(deep or 25 * quick) if DEEP else quick,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )


names = st.text(st.characters(min_codepoint=32, exclude_characters="\\"), min_size=1, max_size=10).map(well_formed)
# Few distinct names, so that keys meet: below each other, and in two spellings.
common_names = st.sampled_from(["Software", "SOFTWARE", "Acme", "acme", "É", "é", "x"])
key_names = common_names | names
paths = st.lists(key_names, max_size=5).map(lambda parts: "\\".join(["HKCU", *parts]))
quoting = st.sampled_from(["\\", '"', "\\\\", '\\"x', "C:\\Tools\\", '"@"', "]", ";", "\n", "\r\n", "\0"])
value_names = (
    st.sampled_from(["", "a", "A", "Größe"])
    | st.lists(quoting, max_size=3).map("".join)
    | st.text(st.characters(), max_size=12).map(well_formed)
)
types = st.integers(0, 12) | st.integers(0, 2**32 - 1)
texts = st.text(st.characters(), max_size=20).map(well_formed) | st.lists(quoting, max_size=3).map("".join)
data = (
    st.binary(max_size=40)
    | texts.map(lambda text: (text + "\0").encode("utf-16-le", "surrogatepass"))
    | st.builds(
        lambda size, byte: bytes([byte]) * size, st.integers(1000, 1050) | st.integers(0, 40_000), st.integers(0, 255)
    )
)
registry_values = st.builds(RegistryValue, paths, value_names, types, data)
registry_keys = st.builds(RegistryKey, paths)

file_names = st.sampled_from(["Vim", "rc", ".gitconfig", "Ä.txt", "sub"]) | st.text(
    st.characters(min_codepoint=32, exclude_characters='<>:"/\\|?*', exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=10,
).map(lambda name: f"f{name}e")
file_paths = st.builds(
    lambda folder, parts: "\\".join([folder, *parts]),
    st.sampled_from(sorted(KNOWN_FOLDERS)),
    st.lists(file_names, min_size=1, max_size=4),
)
files = st.builds(in_memory_file, file_paths, st.binary(max_size=60))
folders = st.builds(Folder, file_paths)


def normal_form(*kinds):
    """Lists of items in normal form: later ones replace earlier ones that they collide with."""
    return st.lists(st.one_of(*kinds), max_size=25).map(lambda items: apply((), items))


registries = normal_form(registry_values, registry_keys)
all_items = normal_form(registry_values, registry_keys, files, folders)
