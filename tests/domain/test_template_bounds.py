"""Templates that would run for ever, grow without bound, or write what is no text."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from time import process_time

import pytest

from outreach.domain.rendering import Rendered, RenderError, TemplateError, TemplateSource, compile_template
from outreach.domain.speech import check_script
from outreach.domain.spell_out import spell_out
from outreach.domain.template_examples import example_context


def made(text: str, channel: str = "sms") -> Rendered:
    source = TemplateSource("t", "t", {}, {channel: {"vi": text}})
    return compile_template(source).render(channel, "vi", example_context(source))


def peak(work: Callable[[], object]) -> int:
    """Megabytes the work had at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] >> 20
    finally:
        tracemalloc.stop()


A, B = "a" * 9_000, "b" * 9_000


@pytest.mark.parametrize(
    "text",
    [
        '{{ "' + A + '" | join("' + B + '") }}',
        '{% for a in "' + A + '" %}{{ a }}' + B + "{% endfor %}",
    ],
)
def test_a_text_that_grows_beyond_the_limit_is_stopped_before_memory_is_gone(text: str) -> None:
    def refused() -> None:
        with pytest.raises(RenderError, match="longer than 200,000 characters"):
            made(text)

    assert peak(refused) < 40


@pytest.mark.parametrize("text", ['{{ "x".format }}', "{% for a in [1] %}{{ loop.cycle }}{% endfor %}", "{{ [1, 2] }}"])
def test_only_texts_numbers_and_dates_are_written(text: str) -> None:
    with pytest.raises(RenderError, match="only texts, numbers and dates can be written"):
        made(text)


def test_join_joins() -> None:
    assert made('{{ ["sáng", "chiều"] | join(" và ") }} {{ [1, 2] | join }}').body == "sáng và chiều 12"


def test_a_number_of_thousands_of_digits_is_a_mistake_like_others() -> None:
    with pytest.raises(TemplateError, match=r"t/sms\.vi\.j2:1: not a template: it holds a number"):
        made("{{ " + "9" * 5_000 + " }}")


@pytest.mark.parametrize("unit", ["1", "1.", "a", "a.", "1/", "@", "a@"])
def test_reading_out_takes_time_in_proportion_to_the_text(unit: str) -> None:
    begun = process_time()
    spell_out(unit * 20_000)
    check_script(unit * 20_000)
    assert process_time() - begun < 8


def test_addresses_are_still_found_and_left_as_they_are() -> None:
    text = "Xem dichvucong.gov.vn, gửi hoi.dap@hanoi.gov.vn, gọi 1022."
    assert spell_out(text) == "Xem dichvucong.gov.vn, gửi hoi.dap@hanoi.gov.vn, gọi một không hai hai."
