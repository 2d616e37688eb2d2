"""Templates from their folder: `<name>/<channel>.<language>.j2` beside a `meta.yaml`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from outreach.domain.attachments import FOLDER, AttachedFile, check_together, read_attachments
from outreach.domain.definition.parts import Text
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.mistakes import Mistakes, unknown
from outreach.domain.template_source import DEFAULT_LANGUAGE, EMAIL, ZALO_ZNS, TemplateSource, inline_template
from outreach.domain.template_trial import problems
from outreach.domain.vietnamese import nfc
from outreach.domain.words import Channel
from outreach.domain.yaml_tree import Kind, Node, parse

META: Final = "meta.yaml"
_META_KEYS: Final = ("title", "variables", "samples")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_PART = re.compile(r"(?P<channel>[a-z_]+)\.(?P<language>[a-z]{2,3})\.(?P<kind>j2|yaml)")


def template_names(folder: Path) -> list[str]:
    """The names of the templates in a folder, sorted; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / META).is_file())


def load_template(folder: Path, name: str) -> TemplateSource:
    """The sources of a template; raises NotFound, or OutreachError for files that cannot be read or have no use."""
    names = template_names(folder)
    if name not in names:
        raise NotFound(f"{unknown('template', name, names)} (in {folder})")
    title, variables, samples = _meta(folder / name / META)
    parts: dict[str, dict[str, str]] = {}
    for path in sorted((folder / name).iterdir()):
        if path.name in (META, FOLDER) or path.name.startswith("."):
            continue
        channel, language = _part_of(path)
        parts.setdefault(channel, {})[language] = _read(path)
    return TemplateSource(name, title, variables, parts, samples, _attachments(folder / name / FOLDER, parts))


def _attachments(folder: Path, channels: Collection[str]) -> tuple[AttachedFile, ...]:
    found = read_attachments(folder)
    check_together(folder, found)
    if found and EMAIL not in channels:
        raise OutreachError(f"{folder}: only e-mails carry files; add a text like email.vi.j2, or remove the folder")
    return found


def _part_of(path: Path) -> tuple[str, str]:
    found = _PART.fullmatch(path.name)
    if not found:
        raise OutreachError(f"{path}: not a text of a template; name it <channel>.<language>.j2, or remove it")
    if found["channel"] not in set(Channel):
        raise OutreachError(f"{path}: {unknown('channel', found['channel'], [c.value for c in Channel])}")
    wanted = "yaml" if found["channel"] == ZALO_ZNS else "j2"
    if found["kind"] != wanted:
        raise OutreachError(f"{path}: name it {found['channel']}.{found['language']}.{wanted}")
    return found["channel"], found["language"]


def _read(path: Path) -> str:
    try:
        return nfc(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise OutreachError(f"{path}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise OutreachError(f"{path}: cannot be read ({error.strerror})") from None


def _meta(path: Path) -> tuple[str, dict[str, str], tuple[str, ...]]:
    mistakes = Mistakes(str(path))
    root = parse(path.read_bytes(), mistakes)
    if root is not None:
        _check_meta(root, mistakes)
    if root is None or mistakes:
        raise OutreachError("\n".join(str(mistake) for mistake in mistakes.sorted()))
    title, variables, samples = root.get("title"), root.get("variables"), root.get("samples")
    examples = {entry.key: entry.value.text for entry in variables.entries} if variables else {}
    waiting = tuple(item.text for item in samples.items) if samples else ()
    return (title.text if title else ""), examples, waiting


def variable_lines(folder: Path, name: str) -> dict[str, int]:
    """Where the `meta.yaml` of a template documents each variable: its path → its line."""
    root = parse((folder / name / META).read_bytes(), Mistakes(META))
    variables = root.get("variables") if root is not None else None
    return {entry.key: entry.line for entry in variables.entries} if variables else {}


def _check_meta(root: Node, mistakes: Mistakes) -> None:
    for entry in root.entries:
        if entry.key not in _META_KEYS:
            mistakes.add(entry.line, unknown("key", entry.key, _META_KEYS))
    title, variables = root.get("title"), root.get("variables")
    if title is None or not title.kind.scalar or not title.text.strip():
        mistakes.add(root.line, 'add "title": what the template is about')
    if variables is not None and variables.kind not in (Kind.MAP, Kind.NOTHING):
        mistakes.add(variables.line, '"variables" must be a mapping of names and examples')
    for entry in variables.entries if variables else ():
        if not entry.value.kind.scalar:
            mistakes.add(entry.line, f'the example of "{entry.key}" must be one value')
    _check_samples(root.get("samples"), mistakes)


def _check_samples(samples: Node | None, mistakes: Mistakes) -> None:
    if samples is None:
        return
    if samples.kind is not Kind.LIST:
        mistakes.add(samples.line, '"samples" must be a list of languages, like [tyz]')
    for item in samples.items:
        if not _LANGUAGE.fullmatch(item.text) or item.text == DEFAULT_LANGUAGE:
            mistakes.add(item.line, f'"{item.text}" cannot be a sample: write a language other than vi, like tyz')


def text_in_place(name: str, texts: Sequence[Text]) -> TemplateSource:
    """The template made of the texts a message carries itself."""
    return inline_template(
        name,
        {t.channel.value: {"subject": t.subject, "body": t.body} if t.channel == EMAIL else t.body for t in texts},
    )


class TemplateFolder:
    """The templates of a folder, as checking a campaign file asks for them; each is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, TemplateSource | OutreachError] = {}

    def names(self) -> Collection[str]:
        """The names of all templates."""
        return template_names(self._folder)

    def get(self, name: str) -> TemplateSource:
        """The template of that name; raises as `load_template`."""
        if name not in self._loaded:
            try:
                self._loaded[name] = load_template(self._folder, name)
            except OutreachError as error:
                self._loaded[name] = error
        found = self._loaded[name]
        if isinstance(found, OutreachError):
            raise found
        return found

    def problems(self, name: str, channel: Channel, *, about_case: bool) -> Sequence[str]:
        """Why the template cannot be sent over the channel, a sentence each; `about_case`: a case is at hand."""
        try:
            return problems(self.get(name), channel.value, about_case=about_case)
        except OutreachError as error:
            return str(error).split("\n")

    def text_problems(self, text: Text, *, about_case: bool) -> Sequence[str]:
        """Why a text in place cannot be sent, a sentence each."""
        try:
            return problems(text_in_place("text", [text]), text.channel.value, about_case=about_case)
        except OutreachError as error:
            return str(error).split("\n")
