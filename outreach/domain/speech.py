"""Loudspeaker scripts: what makes a text fit to be read out, how long it takes, and the form of a broadcast."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from outreach.domain.languages import VIETNAMESE, language_name
from outreach.domain.spell_out import WEB_ADDRESS, spell_out

SYLLABLES_PER_MINUTE: Final = 140
"""Reading speed outdoors (130–150)."""
MAX_SENTENCE_SYLLABLES: Final = 20
SENTENCE_PAUSE_SECONDS: Final = 0.5
REPEAT_PAUSE_SECONDS: Final = 3.0
CHIME: Final = "[Nhạc hiệu]"
AGAIN: Final = "Thông báo xin được nhắc lại."
THANKS: Final = "Xin trân trọng cảm ơn."


class ScriptIssue(StrEnum):
    """What a listener would not understand, or a reader could not read."""

    LONG_SENTENCE = "long_sentence"
    WEB_ADDRESS = "web_address"
    PARENTHESES = "parentheses"
    DIGITS = "digits"
    ABBREVIATION = "abbreviation"
    SYMBOL = "symbol"


_ADVICE: Final = {
    ScriptIssue.LONG_SENTENCE: f"longer than {MAX_SENTENCE_SYLLABLES} syllables: make two sentences of it",
    ScriptIssue.WEB_ADDRESS: "nobody can note a web or e-mail address: say the name of the site or a phone number",
    ScriptIssue.PARENTHESES: "brackets cannot be heard: put it into a sentence of its own",
    ScriptIssue.DIGITS: "figures: write them as words",
    ScriptIssue.ABBREVIATION: "an abbreviation or capitals: write the words out",
    ScriptIssue.SYMBOL: "a sign that cannot be read out: write it as a word",
}


@dataclass(frozen=True, slots=True)
class ScriptWarning:
    """One thing to mend. `line` counts from 1; `excerpt`: the words it is about; `advice`: what to do."""

    issue: ScriptIssue
    line: int
    excerpt: str
    advice: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A script in one language, said once."""

    language: str
    text: str


_SYLLABLE = re.compile(r"[^\W\d_]+|\d+")
_SENTENCE_END = re.compile(r"[.!?;:…]+")
_STAGE_DIRECTION = re.compile(r"^\s*\[[^\]\n]*\]\s*$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKS: Final = (
    (ScriptIssue.PARENTHESES, re.compile(r"[(\[{][^()\[\]{}\n]*[)\]}]?|[)\]}]")),
    (ScriptIssue.DIGITS, re.compile(r"\d(?:[\d.,]*\d)?")),
    (ScriptIssue.SYMBOL, re.compile(r"[/\\&+=*#@%<>|~^$_₫]")),
)


def check_script(text: str) -> list[ScriptWarning]:
    """What is wrong with a script as it will be read out (after `spell_out`), in the order of its lines."""
    spoken = _STAGE_DIRECTION.sub("", text)
    warnings = list(_marks(spoken))
    for number, sentence in _sentences(WEB_ADDRESS.sub(" ", spoken)):
        if count_syllables(sentence) > MAX_SENTENCE_SYLLABLES:
            warnings.append(_warning(ScriptIssue.LONG_SENTENCE, number, sentence))
    return sorted(warnings, key=lambda warning: warning.line)


def _marks(text: str) -> Iterator[ScriptWarning]:
    for number, line in enumerate(text.split("\n"), 1):
        for found in WEB_ADDRESS.finditer(line):
            yield _warning(ScriptIssue.WEB_ADDRESS, number, found[0])
        rest = WEB_ADDRESS.sub(" ", line)
        for word in filter(str.isupper, _WORD.findall(rest)):
            yield _warning(ScriptIssue.ABBREVIATION, number, word)
        for issue, pattern in _MARKS:
            for found in pattern.finditer(rest):
                yield _warning(issue, number, found[0])


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """(line, sentence); a colon or a semicolon lets a reader breathe as well as a full stop."""
    for number, line in enumerate(text.split("\n"), 1):
        for sentence in _SENTENCE_END.split(line):
            if count_syllables(sentence):
                yield number, sentence.strip()


def _warning(issue: ScriptIssue, line: int, excerpt: str) -> ScriptWarning:
    short = excerpt if len(excerpt) <= 60 else excerpt[:59] + "…"
    return ScriptWarning(issue, line, short, _ADVICE[issue])


def count_syllables(text: str) -> int:
    """Syllables of Vietnamese text in words (each is written apart)."""
    return len(_SYLLABLE.findall(text))


def reading_seconds(text: str, repeats: int = 2, *, language: str = VIETNAMESE) -> float:
    """How long a reader takes for the text said `repeats` times, with pauses, in seconds.

    The text is the script said once, not the laid-out broadcast. Vietnamese figures count as words; in another language
    what stands between blanks counts as a syllable, which most of the country's languages come near to.
    """
    bare = _STAGE_DIRECTION.sub("", text)
    spoken = spell_out(bare) if language == VIETNAMESE else bare
    sentences = sum(1 for _ in _sentences(spoken))
    if not sentences:
        return 0.0
    once = count_syllables(spoken) / SYLLABLES_PER_MINUTE * 60 + sentences * SENTENCE_PAUSE_SECONDS
    return once * repeats + REPEAT_PAUSE_SECONDS * (repeats - 1)


def broadcast_seconds(scripts: Sequence[Spoken], repeats: int = 2) -> float:
    """How long a broadcast takes that is read in several languages, one after the other, each `repeats` times."""
    times = [reading_seconds(one.text, repeats, language=one.language) for one in scripts]
    return sum(times) + REPEAT_PAUSE_SECONDS * max(0, sum(1 for time in times if time) - 1)


def check_broadcast(scripts: Sequence[Spoken]) -> list[ScriptWarning]:
    """What is wrong with the Vietnamese script; the rules of other languages are their translators' own."""
    return [found for one in scripts if one.language == VIETNAMESE for found in check_script(one.text)]


def lay_out_scripts(scripts: Sequence[Spoken], repeats: int = 2) -> str:
    """The whole broadcast in one language or in several, in their order, each announced to whoever reads."""
    if len(scripts) == 1 and scripts[0].language == VIETNAMESE:
        return lay_out_broadcast(scripts[0].text, repeats)
    return "\n\n".join([CHIME, *(part for one in scripts for part in _in_language(one, repeats))])


def _in_language(one: Spoken, repeats: int) -> list[str]:
    direction = f"[Đọc bằng {language_name(one.language)}]"
    if one.language == VIETNAMESE:
        return [direction, lay_out_broadcast(one.text, repeats).removeprefix(CHIME).lstrip()]
    return [direction, *[one.text.strip()] * repeats]


def lay_out_broadcast(text: str, repeats: int = 2) -> str:
    """The whole broadcast: chime, the script, the script again, thanks once at the end (Circular 39/2020 practice).

    Lines in square brackets are directions to whoever plays it, and are not read.
    """
    once = text.strip().removesuffix(THANKS).rstrip()
    again = [part for _ in range(repeats - 1) for part in (AGAIN, once)]
    return "\n\n".join([CHIME, once, *again, THANKS])
