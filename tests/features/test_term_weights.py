"""Weights from fitted numbers are scikit-learn's to the last bit, and come without it."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from emofuse.features.term_weights import (
    CountWeights,
    TermWeights,
    TextWeights,
    character_ngrams,
    term_counter,
    word_ngrams,
    words,
)
from emofuse.features.text import TextVectorizer
from emofuse.features.text_cleaning import clean_text, mask_text
from emofuse.features.text_counting import FEATURES
from emofuse.features.text_tokens import tokenize
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

VOCABULARY = """
so happy sad why not never me you they laugh laughing cry! oh... :) 😀 <b>dark</b> it’s SO café 2024 #Fine @ann
"""


def texts(n_texts=120, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(VOCABULARY.split(), size=random.integers(0, 12))) for _ in range(n_texts)]


RANGES = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair)))


@given(st.text(max_size=40).map(clean_text), RANGES)
def test_terms_are_those_that_scikit_learn_counts(text, ngrams):
    analyzed = CountVectorizer(analyzer="char_wb", ngram_range=ngrams).build_analyzer()(text)
    assert sorted(character_ngrams(text, *ngrams)) == sorted(analyzed)
    counter = CountVectorizer(token_pattern=r"\S+", lowercase=False, ngram_range=ngrams)
    assert sorted(word_ngrams(text.split(), *ngrams)) == sorted(counter.build_analyzer()(text))


KINDS = {
    "word": ((1, 2), lambda text: " ".join(tokenize(text)), {"token_pattern": r"\S+", "lowercase": False}),
    "char": ((2, 5), mask_text, {"analyzer": "char_wb"}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("max_features", [None, 40])
def test_weights_are_those_of_scikit_learn_to_the_last_bit(kind, max_features):
    ngrams, units, parameters = KINDS[kind]
    train, new = ([clean_text(text) for text in texts(seed=seed)] for seed in (0, 1))
    reference = TfidfVectorizer(
        ngram_range=ngrams, min_df=2, max_features=max_features, sublinear_tf=True, dtype=np.float32, **parameters
    ).fit([units(text) for text in train if text])
    expected = reference.transform([units(text) for text in new])
    expected.sort_indices()
    other = {"word": "char_ngrams", "char": "word_ngrams"}[kind]
    chosen = {"max_features": max_features} if max_features else {}
    vectorizer = TextVectorizer(**{other: None}, min_df_words=2, min_df_chars=2, **chosen)
    if max_features:
        with pytest.warns(match="vocabulary was cut"):
            vectorizer.fit(train)
    else:
        vectorizer.fit(train)
    found = vectorizer.transform(new)
    assert found.dtype == np.float32
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    assert vectorizer.get_feature_names_out().tolist() == [
        f"{kind}={term}" for term in reference.get_feature_names_out()
    ]


def test_vectorizer_answers_as_the_part_it_was_fitted_to():
    vectorizer = TextVectorizer(counts=True, negation=True, min_df_words=1, min_df_chars=1)
    weights = vectorizer.fit_transform(texts())
    part = vectorizer.fitted_part()
    np.testing.assert_array_equal(part.apply(texts()).toarray(), weights.toarray())
    assert part.names() == vectorizer.get_feature_names_out().tolist()
    assert weights.has_canonical_format and weights.indices.dtype == np.int32


def test_part_made_again_from_plain_numbers_answers_the_same():
    part = TextVectorizer(counts=True).fit(texts()).fitted_part()
    again = []
    for one in part.parts:
        plain = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
        assert all(isinstance(value, (np.ndarray, str, bool, tuple)) for value in plain.values())
        assert all(type(value) in (str, int) for field in plain.values() if isinstance(field, tuple) for value in field)
        again.append(type(one)(**{k: v.copy() if isinstance(v, np.ndarray) else v for k, v in plain.items()}))
    found = TextWeights(tuple(again)).apply(texts(seed=3))
    np.testing.assert_array_equal(found.toarray(), part.apply(texts(seed=3)).toarray())


def test_absent_empty_and_unknown_texts_get_zero_rows():
    part = TextVectorizer(counts=True).fit(texts()).fitted_part()
    assert part.apply([None, "", " "]).nnz == 0
    assert part.apply([]).shape == (0, len(part.names()))
    assert part.apply(["so", None]).getnnz(axis=1)[1] == 0
    terms = TextWeights((TermWeights("word", (1, 1), ("so",), np.ones(1, dtype=np.float32)),))
    assert terms.apply(["ζζζ", "so"]).toarray().tolist() == [[0.0], [1.0]]


def test_counts_that_training_never_saw_are_left_out():
    part = TextWeights((CountWeights(np.zeros(2 * len(FEATURES), dtype=np.float32)),))
    assert part.apply(["so happy!"]).nnz == 0


def test_words_are_marked_by_what_was_said_and_stemmed_after():
    assert words("nothing is crying", negation=True, stemming=True) == ["noth", "not_is", "not_cri"]
    assert words("so 😀 :)", stemming=True) == ["so", "😀", ":grinning_face:", ":)"]
    assert term_counter("word", (2, 2), stemming=True)("she cries") == ["she cri"]


def test_nothing_heavy_is_imported_for_a_prediction(tmp_path):
    program = """
import sys
import numpy as np
from emofuse.features import text_cleaning, text_counting, text_tokens, vader
from emofuse.features.term_weights import CountWeights, TermWeights, TextWeights

ones = np.ones(2 * len(text_counting.FEATURES), dtype=np.float32)
words = TermWeights("word", (1, 2), ("happy", "so", "so happy"), ones[:3], negation=True)
part = TextWeights((words, TermWeights("char", (2, 3), (" s", "so"), ones[:2]), CountWeights(ones)))
print(part.apply(["So <b>happy</b>, it\\x92s 😀!", None]).nnz > 5)
heavy = {"sklearn", "pandas", "nltk", "matplotlib", "numba", "joblib", "requests", "scipy.stats"}
print(sorted(heavy & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.stdout.split("\n") == ["True", "[]", ""], ran.stderr
