"""Every code a provider refuses with has its kind, and words that a person without training can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from channels import (
    esms_advice,
    esms_codes,
    smtp_advice,
    smtp_codes,
    station_advice,
    telegram_advice,
    telegram_codes,
    twilio_advice,
    twilio_codes,
    zalo_advice,
    zalo_codes,
)
from channels.abilities import Advice, Explaining
from channels.contract import ErrorKind as Kind
from channels.registry import ADAPTERS
from channels.smtp_codes import Step, refusal
from outreach.settings import PROJECT

ZALO: Mapping[Kind, str] = {
    Kind.TRANSIENT: "-100 -200",
    Kind.THROTTLED: "-32",
    Kind.POSTPONED: "-211 -218 -144 -147 -1441 -1471 -1472 -160 -133 -234",
    Kind.REJECTED: "-108 -110 -114 -118 -119 -139 -140 -141 -213 -217 -227 -244 -109 -111 -112 -1121 -1122 -1124 -116"
    " -121 -122 -131 -132 -145 -146 -201 -210 -233 -248 -249",
    Kind.WINDOW_CLOSED: "-230 -232",
    Kind.MISCONFIGURED: "-216 -220 -124 -101 -102 -103 -104 -105 -115 -117 -120 -125 -135 -1351 -136 -137 -138 -209"
    " -212 -219 -221 -223 -224 -320 -321",
}
TWILIO: Mapping[Kind, str] = {
    Kind.THROTTLED: "20429",
    Kind.TRANSIENT: "30001 30003 30008 30017",
    Kind.REJECTED: "21211 21614 21408 21612 30004 30005 30006 30007",
    Kind.OPTED_OUT: "21610",
}
ESMS: Mapping[Kind, str] = {
    Kind.MISCONFIGURED: "101 102 103 104 140",
    Kind.REJECTED: "99 108 120 146 177",
    Kind.TRANSIENT: "105",
}
TELEGRAM: Mapping[Kind, str] = {
    Kind.OPTED_OUT: "blocked kicked",
    Kind.REJECTED: "deactivated forbidden chat_not_found text no_rights 400",
    Kind.THROTTLED: "429",
}
EMAIL: Mapping[Kind, str] = {
    Kind.REJECTED: "5.1.1 5.1.10 5.2.1 5.7.1 5.7.26",
    Kind.TRANSIENT: "4.2.2 4.4.1 4.7.1 5.2.2",
}
"""Codes by kind, as the providers' pages group them."""

KINDS = {
    "zalo": (ZALO, {code: one.kind for code, one in zalo_codes.CODES.items()}),
    "twilio": (TWILIO, {code: kind for code, (kind, _) in twilio_codes.CODES.items()}),
    "esms": (ESMS, {code: kind for code, (kind, _) in esms_codes.CODES.items()}),
    "telegram": (TELEGRAM, {code: kind for code, (kind, _) in telegram_codes.CODES.items()}),
}
FURTHER = {
    "zalo": [zalo_codes.LOST, "no_token", "sealed_token", "param_missing", "param_too_long", "param_too_short"],
    "esms": ["124", "list", "status-4", "status-5"],
    "telegram": ["401", "404", "408", "409", "500", "502", "503"],
    "smtp": ["421", "450", "451", "452", "530", "534", "535", "538", "550", "552", "553", "554", "5.9.9", "4.0.0"],
    "station": ["empty", "too_long"],
}
"""Codes that failed deliveries bear beside those."""
TABLES: Mapping[str, Mapping[str, Advice]] = {
    "zalo": zalo_advice.ADVICE,
    "twilio": twilio_advice.ADVICE,
    "esms": esms_advice.ADVICE,
    "telegram": telegram_advice.ADVICE,
    "smtp": smtp_advice.ADVICE,
    "station": station_advice.ADVICE,
}
TYPED = {"zalo": ZALO, "twilio": TWILIO, "esms": ESMS, "telegram": TELEGRAM, "smtp": EMAIL, "station": {}}


def explaining(provider: str) -> Any:
    adapter = ADAPTERS[provider]
    assert isinstance(adapter, Explaining)
    return adapter


@pytest.mark.parametrize("provider", KINDS)
def test_each_code_of_a_provider_means_what_its_pages_say(provider: str) -> None:
    typed, table = KINDS[provider]
    wanted = {code: kind for kind, codes in typed.items() for code in codes.split()}
    assert {code: table.get(code) for code in wanted} == wanted


@pytest.mark.parametrize(("kind", "codes"), EMAIL.items(), ids=lambda given: str(given).split()[0])
def test_each_enhanced_code_of_mail_means_what_the_standard_says(kind: Kind, codes: str) -> None:
    found = {code: refusal(Step.RECIPIENT, int(f"{code[0]}50"), f"{code} some text").kind for code in codes.split()}
    assert found == dict.fromkeys(codes.split(), kind)


@pytest.mark.parametrize("provider", TABLES)
def test_every_code_has_words(provider: str) -> None:
    typed = [code for codes in TYPED[provider].values() for code in codes.split()]
    known = list(KINDS[provider][1]) if provider in KINDS else []
    adapter = explaining(provider)
    assert [code for code in [*typed, *known, *FURTHER.get(provider, [])] if adapter.advice(code) is None] == []


@pytest.mark.parametrize("provider", TABLES)
def test_an_unknown_code_has_no_made_up_words(provider: str) -> None:
    strange = ("", "-99999999", "no such thing", "9.9.9", "5.", "5", "55é")
    assert {explaining(provider).advice(code) for code in strange} == {None}


@pytest.mark.parametrize("provider", TABLES)
def test_the_words_are_whole_sentences_for_somebody_without_training(provider: str) -> None:
    for code, one in TABLES[provider].items():
        for words in (one.vi, one.vi_do, one.en, one.en_do):
            assert words.strip().endswith("."), code
            assert len(words) <= 160, code
            assert not re.search(r"\S@\S|\+?\d{6,}|https?:|[{}%]", words), f"{code} names somebody"
        english = re.findall(r"\b(?:account|token|template|HTTP|API|server|quota|webhook|IP)\b", one.vi + one.vi_do)
        assert english == [], code


def test_the_words_of_mail_fall_back_from_the_code_to_its_subject_and_its_class() -> None:
    advice = explaining("smtp").advice
    assert advice("5.7.26") == smtp_advice.ADVICE["5.7.x"]
    assert advice("4.4.1") == smtp_advice.ADVICE["4.x"]
    assert advice("5.0.0") == smtp_advice.ADVICE["5.x"]
    assert advice("551") == smtp_advice.ADVICE["5.x"]


def test_every_reason_of_mail_has_words_of_its_own() -> None:
    assert set(smtp_codes._REASONS) <= set(smtp_advice.ADVICE)


def test_the_page_of_codes_says_what_the_tables_say() -> None:
    page = (PROJECT / "docs" / "channels" / "codes.md").read_text(encoding="utf-8")
    names = {"Twilio": "twilio", "eSMS": "esms", "Zalo": "zalo", "Telegram": "telegram", "E-mail": "smtp"}
    for heading, provider in {**names, "Loudspeakers": "station"}.items():
        rows = re.findall(r"^\| `(\S+)` \| (\S*) ?\| (.+?) \| (.+?) \|$", part(page, heading), re.MULTILINE)
        kinds = KINDS[provider][1] if provider in KINDS else {}
        wanted = [(code, str(kinds.get(code, "")), one.vi, one.vi_do) for code, one in TABLES[provider].items()]
        assert rows == wanted


def part(page: str, heading: str) -> str:
    return page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
