"""Settings location templates read from XML that strangers wrote."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any
from xml.sax.handler import ContentHandler, feature_namespaces

import defusedxml.sax
from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import ImportRejected, at_line
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.paths import file_name, registry_path, upcase, value_name
from personalization.formats.templates.locations import ENVIRONMENT_VARIABLES, FOLDER_IDS, SHELL_FOLDERS
from personalization.formats.templates.model import (
    FileExclusion,
    FileRule,
    Process,
    RegistryExclusion,
    RegistryRule,
    SettingsTemplate,
    Unsupported,
    VersionRange,
)

_NAMESPACE = re.compile(
    r"https?://schemas\.microsoft\.com/UserExperienceVirtualization/(2012|2013|2013A)/SettingsLocationTemplate"
)
_DEEPEST = 32
_LONGEST_TEXT = 32_768
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}
_FORBIDDEN_IN_ID = re.compile(r'[\\?*|<>/:"\x00-\x1f]')


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    line: int
    namespace: str = ""
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def all(self, name: str) -> list[_Element]:
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> _Element | None:
        return next(iter(self.all(name)), None)

    def text_of(self, name: str) -> str:
        child = self.first(name)
        return child.text.strip() if child is not None else ""


def read_template(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> SettingsTemplate:
    """One settings location template. External entities and document types are refused, nothing is fetched.

    Raises `ImportRejected` with the line for XML that is not well-formed, another schema, and paths outside the user's
    registry. Roots outside the user's profile (`ProgramData` …) are not an error: `unsupported` tells of them.
    """
    if len(data) > limits.template_bytes:
        raise ImportRejected(_("The template is larger than %(limit)s bytes."), limit=limits.template_bytes)
    root = _parse_xml(data, limits)
    schema = _NAMESPACE.fullmatch(root.namespace)
    if root.name != "SettingsLocationTemplate" or schema is None:
        raise ImportRejected(_("This is not a settings location template of schema 2012, 2013 or 2013A."), at_line(1))
    return _template(root, schema[1])


# --- XML --------------------------------------------------------------------------------------------------------------


class _TreeBuilder(ContentHandler):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._open: list[_Element] = []
        self._count = 0
        self._locator: Any = None
        self.root: _Element | None = None

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802 (SAX)
        self._locator = locator

    @property
    def line(self) -> int:
        return (self._locator.getLineNumber() if self._locator is not None else None) or 1

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802 (SAX)
        self._count += 1
        if len(self._open) >= _DEEPEST or self._count > self._limits.template_elements:
            raise ImportRejected(_("The template has too many elements."), at_line(self.line))
        attributes = {key[1]: attrs.getValue(key) for key in attrs.getNames()}
        element = _Element(name[1], attributes, self.line, namespace=name[0] or "")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802 (SAX)
        self._open.pop()

    def characters(self, content: str) -> None:
        element = self._open[-1]
        element.text += content
        if len(element.text) > _LONGEST_TEXT:
            raise ImportRejected(_("The text is too long."), at_line(self.line))


def _parse_xml(data: bytes, limits: Limits) -> _Element:
    builder = _TreeBuilder(limits)
    parser = defusedxml.sax.make_parser()
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(builder)
    try:
        parser.parse(io.BytesIO(data))
    except ImportRejected:
        raise
    except Exception as error:  # expat, unknown encodings, and what defusedxml forbids
        line = error.getLineNumber() if hasattr(error, "getLineNumber") else builder.line
        raise ImportRejected(_("The XML is not well-formed, or uses a document type."), at_line(line or 1)) from None
    if builder.root is None:
        raise ImportRejected(_("The XML is not well-formed, or uses a document type."), at_line(1))
    return builder.root


# --- template ---------------------------------------------------------------------------------------------------------


def _template(root: _Element, schema: str) -> SettingsTemplate:
    identity = _identity(root, schema)
    author = root.first("Author")
    if author is not None:
        identity |= {"author_name": author.text_of("Name"), "author_email": author.text_of("Email")}
    common = root.first("Common")
    applications = root.all("Application")
    if common is None and not applications:
        return _part(root, identity)
    suite = identity | {"manages_suite_only": _boolean(root.first("ManageSuiteOnly"))}
    parts = tuple(_part(element, _identity(element, schema, suite_id=identity["id"])) for element in applications)
    shared = _part(common, suite, needs_settings=False) if common is not None else SettingsTemplate(**suite)
    version = max([shared.version, _version(common) if common is not None else 0, *(part.version for part in parts)])
    return _replace(shared, version=version, applications=parts)


def _replace(template: SettingsTemplate, **changes: Any) -> SettingsTemplate:
    values = {name: getattr(template, name) for name in SettingsTemplate.__dataclass_fields__}
    return SettingsTemplate(**values | changes)


def _identity(element: _Element, schema: str, suite_id: str = "") -> dict[str, Any]:
    own = element.first("ID")
    id = own.text.strip() if own is not None else ""
    if not id or len(id) > 255 or _FORBIDDEN_IN_ID.search(id):
        raise ImportRejected(_("The template has no ID, or one with forbidden characters."), at_line(element.line))
    localized = element.first("LocalizedNames")
    return {
        "id": f"{suite_id}.{id}" if suite_id else id,
        "name": element.text_of("Name") or id,
        "version": _version(element),
        "schema": schema,
        "description": element.text_of("Description"),
        "localized_names": tuple(
            (name.attributes.get("Locale", ""), name.text.strip())
            for name in (localized.all("Name") if localized is not None else [])
        ),
    }


def _version(element: _Element) -> int:
    version = element.first("Version")
    if version is None:
        return 0
    text = version.text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > 2_147_483_647:
        raise ImportRejected(_("The version has to be a whole number from 0 to 2147483647."), at_line(version.line))
    return int(text)


def _part(element: _Element, identity: dict[str, Any], *, needs_settings: bool = True) -> SettingsTemplate:
    settings = element.first("Settings")
    if settings is None and needs_settings:
        raise ImportRejected(_("The template has no settings."), at_line(element.line))
    processes = element.first("Processes")
    rules = _Rules()
    for setting in settings.children if settings is not None else ():
        rules.add(setting)
    return SettingsTemplate(
        **identity,
        processes=tuple(map(_process, processes.all("Process"))) if processes is not None else (),
        is_shell=processes is not None and processes.first("ShellProcess") is not None,
        registry_rules=tuple(rules.registry),
        file_rules=tuple(rules.files),
        system_parameters=tuple(rules.system_parameters),
        unsupported=tuple(rules.unsupported),
    )


def _process(element: _Element) -> Process:
    name = element.text_of("Filename")
    if not name:
        raise ImportRejected(_("The process has no file name."), at_line(element.line))
    return Process(
        name,
        element.text_of("Architecture"),
        element.text_of("ProductName"),
        element.text_of("FileDescription"),
        tuple(map(_version_range, element.all("ProductVersion"))),
        tuple(map(_version_range, element.all("FileVersion"))),
    )


def _version_range(element: _Element) -> VersionRange:
    parts = [_range(element.first(name)) for name in ("Major", "Minor", "Build", "Patch")]
    if parts[0] is None:
        raise ImportRejected(_("The version has no major number."), at_line(element.line))
    return VersionRange(parts[0], *parts[1:])


def _range(element: _Element | None) -> tuple[int, int] | None:
    if element is None:
        return None
    texts = [element.attributes.get(name, "").strip() for name in ("Minimum", "Maximum")]
    if not all(re.fullmatch(r"[0-9]{1,10}", text) for text in texts):
        raise ImportRejected(_("The version range needs a whole minimum and maximum."), at_line(element.line))
    return int(texts[0]), int(texts[1])


def _boolean(element: _Element | None, attribute: str | None = None) -> bool:
    if element is None:
        return False
    text = element.text if attribute is None else element.attributes.get(attribute, "")
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise ImportRejected(_("Neither true nor false is given."), at_line(element.line))
    return value


# --- rules ------------------------------------------------------------------------------------------------------------


class _Rules:
    def __init__(self) -> None:
        self.registry: list[RegistryRule] = []
        self.files: list[FileRule] = []
        self.system_parameters: list[str] = []
        self.unsupported: list[Unsupported] = []

    def add(self, element: _Element) -> None:
        match element.name:
            case "Registry":
                self.registry.append(_registry_rule(element))
            case "File":
                self._add_file_rule(element)
            case "SystemParameter":
                self.system_parameters.append(element.text.strip())
                self._note(_("The system parameter is neither a key nor a file."), element)
            case "CustomAction":
                self._note(_("The custom action runs on the endpoint only."), element)

    def _note(self, text: Any, element: _Element) -> None:
        self.unsupported.append(Unsupported(element.line, text))

    def _add_file_rule(self, element: _Element) -> None:
        root = _root(element)
        if root is None:
            self._note(_("The root lies outside the user's profile."), element)
            return
        path = element.first("Path")
        text = path.text.strip().strip("\\") if path is not None else ""
        if any(character in text for character in "%*?"):
            self._note(_("The path is not known before it is used."), element)
            return
        names = text.split("\\") if text else []
        self.files.append(
            FileRule(
                "\\".join([*root, *(_checked(file_name, name, element) for name in names)]),
                _boolean(path, "Recursive"),
                tuple(mask.text.strip() for mask in element.all("FileMask") if mask.text.strip()),
                tuple(map(_file_exclusion, element.all("Exclude"))),
                _boolean(path, "DeleteIfNotFound"),
            )
        )


def _checked(check: Any, text: str, element: _Element) -> str:
    try:
        return check(text)
    except ImportRejected as refusal:
        raise refusal.located(at_line(element.line)) from None


def _registry_rule(element: _Element) -> RegistryRule:
    path = element.first("Path")
    if path is None or not path.text.strip().strip("\\"):
        raise ImportRejected(_("The registry setting has no path."), at_line(element.line))
    return RegistryRule(
        _checked(_below_root, path.text, path),
        _boolean(path, "Recursive"),
        tuple(_checked(value_name, name.text, name) for name in element.all("Name")),
        tuple(map(_registry_exclusion, element.all("Exclude"))),
        _boolean(path, "DeleteIfNotFound"),
    )


def _below_root(text: str) -> str:
    """Paths are written below HKEY_CURRENT_USER; one that begins with a root of the registry is held to that root."""
    path = text.strip().strip("\\")
    root = upcase(path.partition("\\")[0])
    return registry_path(path if root.startswith(("HKEY_", "HKCU", "HKLM")) else f"HKCU\\{path}")


def _registry_exclusion(element: _Element) -> RegistryExclusion:
    path = element.first("Path")
    text = path.text.strip().strip("\\") if path is not None else ""
    if text:
        _checked(lambda below: registry_path(f"HKCU\\{below}"), text, element)
    names = tuple(_checked(value_name, name.text, name) for name in element.all("Name"))
    return RegistryExclusion(text, _boolean(path, "Recursive"), names)


def _file_exclusion(element: _Element) -> FileExclusion:
    path = element.first("Path")
    text = path.text.strip().strip("\\") if path is not None else ""
    if ".*" in text:
        # Microsoft's own VDI template writes a regular expression; `.*` in groups is all that is used of it.
        text = re.sub(r"[()]", "", text.replace(".*", "*"))
    masks = tuple(mask.text.strip() for mask in element.all("FileMask") if mask.text.strip())
    return FileExclusion(text, _boolean(path, "Recursive"), masks)


def _root(element: _Element) -> tuple[str, ...] | None:
    """Names of the root folder below the profile, None when it lies elsewhere."""
    root = element.first("Root")
    if root is None:
        raise ImportRejected(_("The file setting has no root."), at_line(element.line))
    if (variable := root.text_of("EnvironmentVariable").strip("%")) != "":
        return ENVIRONMENT_VARIABLES.get(variable.upper())
    if (folder := root.text_of("KnownFolder")) != "":
        return FOLDER_IDS.get(folder.upper())
    key, _separator, name = root.text_of("RegistryEntry").rpartition("\\")
    return SHELL_FOLDERS.get(upcase(name)) if upcase(key).endswith("SHELL FOLDERS") else None
