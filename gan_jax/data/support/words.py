"""Texts as numbers: the words of a caption, and the vocabulary that they are numbered by."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

# The first two entries of a vocabulary: what fills a text up, and every word that it lacks.
NO_WORD, UNKNOWN = "", "<unknown>"
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The runs of letters and digits of a text, in lower case: "Ivory Coast's" has three."""
    return _WORD.findall(text.lower())


def vocabulary_of(texts: Iterable[str]) -> tuple[str, ...]:
    """No word, the unknown word, then every word of the texts in the order of the alphabet."""
    return NO_WORD, UNKNOWN, *sorted({word for text in texts for word in words_of(text)})


def numbered(texts: Sequence[str], vocabulary: Sequence[str], length: int) -> np.ndarray:
    """int32 [N, length]: the place of each word in the vocabulary, 1 where it has none.

    Longer texts lose their last words; shorter ones are filled up with 0.
    """
    place = {word: i for i, word in enumerate(vocabulary)}
    found = np.zeros((len(texts), length), np.int32)
    for row, text in zip(found, texts, strict=True):
        words = words_of(text)[:length]
        row[: len(words)] = [place.get(word, 1) for word in words]
    return found
