# SPDX-License-Identifier: Apache-2.0
"""Text options on their way to the server and back."""

import pytest

from lodestone import TEXT_LANGUAGES, Flat, LodestoneError, TextOptions, _codec
from lodestone._proto import collection_pb2


def described(text: TextOptions) -> TextOptions:
    options = _codec.collection_options(0, "cosine", Flat(), "postings", text)
    message = collection_pb2.CollectionDescription(name=b"c", options=options)
    return _codec.read_description(message).text


@pytest.mark.parametrize(
    "text",
    [
        TextOptions(),
        TextOptions({"title": 5, "tags": 0.5}),
        TextOptions(k1=1.5, b=0.0, exact_weight=0.0, language="none", keeps_stop_words=True),
    ],
)
def test_text_options_are_described_as_they_were_given(text: TextOptions) -> None:
    assert described(text) == text


def test_default_text_options_are_not_sent() -> None:
    options = _codec.collection_options(0, "cosine", Flat(), "postings", TextOptions())
    assert not options.HasField("text")


def test_every_language_of_the_protocol_has_a_name() -> None:
    numbers = collection_pb2.TextLanguage.DESCRIPTOR.values_by_number
    assert sorted(numbers) == list(range(len(TEXT_LANGUAGES)))
    for number, name in enumerate(TEXT_LANGUAGES):
        assert numbers[number].name == {"none": "NO_LANGUAGE"}.get(name, name.upper())
        assert described(TextOptions(language=name)).language == name


def test_unknown_language_is_refused() -> None:
    with pytest.raises(LodestoneError) as error:
        described(TextOptions(language="klingon"))
    assert "klingon" in str(error.value)
