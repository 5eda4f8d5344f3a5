"""Counting many texts by arrays gives what counting them one by one gives, and remembers what it has seen."""

import dataclasses

import numpy as np
import pytest
from emofuse.features import text_numbers
from emofuse.features.term_weights import TermWeights
from emofuse.features.text import TextVectorizer
from emofuse.features.text_numbers import MANY_TEXTS, count_terms, find_terms, number_texts
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

SENTENCES = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=7).map(" ".join), min_size=1, max_size=12
)
RANGES = st.tuples(st.integers(1, 3), st.integers(0, 2)).map(lambda pair: (pair[0], sum(pair)))


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(text_numbers, "_remembered", text_numbers._Memory(None))


def numbered(texts, how="split"):
    return number_texts(texts, str.split, how)


def many_texts(n_texts=MANY_TEXTS, seed=0):
    random = np.random.default_rng(seed)
    words = [f"w{number}" for number in range(40)]
    return [" ".join(random.choice(words, size=random.integers(0, 9))) for _ in range(n_texts)]


def reference(texts, ngrams, min_df, max_terms=None):
    counter = CountVectorizer(
        token_pattern=r"\S+", ngram_range=ngrams, min_df=min_df, max_features=max_terms, dtype=np.float32
    )
    table = counter.fit_transform(texts)
    table.sort_indices()
    return counter.get_feature_names_out().tolist(), table


@given(SENTENCES, RANGES, st.integers(1, 3), st.sampled_from([1, 3, 1000]))
def test_counts_are_those_of_scikit_learn(texts, ngrams, min_df, max_terms):
    found = count_terms(numbered(texts), *ngrams, min_df=min_df, max_terms=max_terms)
    try:
        terms, table = reference(texts, ngrams, min_df, max_terms)
    except ValueError:  # no term is left
        assert found is None
        return
    assert found.terms == terms
    np.testing.assert_array_equal(found.table.toarray(), table.toarray())
    assert found.table.has_sorted_indices and found.table.dtype == np.float32


def test_codes_too_large_for_one_number_are_counted_too(monkeypatch):
    texts = many_texts(60)
    whole = count_terms(numbered(texts), 1, 3, min_df=2, max_terms=10**6)
    monkeypatch.setattr(text_numbers, "LARGEST_KEY", 1)
    other = count_terms(numbered(texts), 1, 3, min_df=2, max_terms=10**6)
    assert whole.terms == other.terms
    np.testing.assert_array_equal(whole.table.toarray(), other.table.toarray())


def test_texts_that_come_again_are_not_read_again():
    texts, read = many_texts(), []

    def words(text):
        read.append(text)
        return text.split()

    first = number_texts(texts, words, "split")
    n_read = len(read)
    again = number_texts(texts[::-1], words, "split")
    assert n_read == len(set(texts)) == len(read)
    told = [[table.tokens[number] for number in table.numbers] for table in (first, again)]
    assert told == [" ".join(texts).split(), " ".join(texts[::-1]).split()]


def test_another_way_to_list_tokens_starts_anew():
    texts = many_texts()
    numbered(texts)
    found = number_texts(texts, lambda text: text.upper().split(), "upper")
    assert found.tokens and all(token.isupper() for token in found.tokens)


def test_few_texts_are_not_remembered():
    numbered(["so happy"] * (MANY_TEXTS - 1))
    assert not text_numbers._remembered.numbers


def test_memory_starts_anew_where_it_is_full(monkeypatch):
    monkeypatch.setattr(text_numbers, "MOST_TOKENS", 10)
    numbered(many_texts(seed=0))
    found = numbered(["only this"] * MANY_TEXTS)
    assert found.tokens == ["only", "this"]


def test_an_interruption_in_a_text_leaves_no_trace():
    def interrupted(text):
        yield "lost"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        number_texts(["never read"] * MANY_TEXTS, interrupted, "split")
    found = numbered(["so happy"] * MANY_TEXTS)
    assert [found.tokens[number] for number in found.numbers[:4]] == ["so", "happy", "so", "happy"]


def test_terms_are_found_as_often_as_they_stand():
    rows, places = find_terms(numbered(["a b a b", "", "c a"]), ["a", "a b", "z", "a z", "b a"])
    assert sorted(zip(rows.tolist(), places.tolist(), strict=True)) == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 4), (2, 0)]


def test_none_of_the_terms_stands_anywhere():
    rows, places = find_terms(numbered(["a b"]), ["z", "z a"])
    assert len(rows) == len(places) == 0


@pytest.mark.parametrize(
    "parameters", [{}, {"negation": True}, {"word_ngrams": (2, 2)}, {"word_ngrams": (1, 3)}], ids=str
)
def test_many_texts_get_the_weights_that_few_get(parameters):
    texts = [f"not {text}!" for text in many_texts()]
    vectorizer = TextVectorizer(char_ngrams=None, **parameters)
    fitted = vectorizer.fit_transform(texts)
    many, few = vectorizer.transform(texts), vectorizer.transform(texts[:50])
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(fitted, part), getattr(many, part))
        np.testing.assert_array_equal(getattr(many[:50], part), getattr(few, part))
    assert many.indices.dtype == np.int32


def test_order_of_the_vocabulary_does_not_matter():
    texts = many_texts()
    part = TermWeights("word", (1, 2), ("w2 w3", "w1", "w2"), np.ones(3, dtype=np.float32))
    other = dataclasses.replace(part, vocabulary=("w1", "w2", "w2 w3"))
    found, expected = part.count(texts), other.count(texts)
    assert np.bincount(found.columns).tolist() == np.bincount(expected.columns)[[2, 0, 1]].tolist()
