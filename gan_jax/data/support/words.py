"""Texts as numbers: the words of captions, and the vocabulary whose indices represent them."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

# The first two entries of a vocabulary: padding, and every unknown word.
NO_WORD, UNKNOWN = "", "<unknown>"
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The runs of letters and digits in a text, in lower case: "Ivory Coast's" has three."""
    return _WORD.findall(text.lower())


def vocabulary_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The entries for padding and unknown words, then every word of the texts, sorted."""
    return NO_WORD, UNKNOWN, *sorted({word for text in texts for word in words_of(text)})


def numbered(texts: Sequence[str], vocabulary: Sequence[str], length: int) -> np.ndarray:
    """int32 [N, length]: the index of each word in the vocabulary, or 1 for an unknown word.

    Longer texts are truncated; shorter ones are padded with 0.
    """
    place = {word: i for i, word in enumerate(vocabulary)}
    found = np.zeros((len(texts), length), np.int32)
    for row, text in zip(found, texts, strict=True):
        words = words_of(text)[:length]
        row[: len(words)] = [place.get(word, 1) for word in words]
    return found


def spelt(text_T: np.ndarray, vocabulary: Sequence[str]) -> str:
    """The words of one numbered text."""
    return " ".join(vocabulary[i] for i in text_T if i)
