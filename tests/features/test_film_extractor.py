"""Extractors of pictures put to videos: means over a few pictures, the largest face cut out where one is needed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import SampleError
from emofuse.features.face import FaceImage
from emofuse.features.face_crop import FaceCrop
from emofuse.features.film_extractor import FilmPictures
from emofuse.features.film_pictures import N_PICTURES, pictures_of
from skimage import data

PORTRAIT = np.ascontiguousarray(data.astronaut()[:256, 96:352])


@pytest.fixture(scope="module")
def film():
    """Two seconds of a portrait that becomes brighter, as pictures and their rate."""
    pictures = [np.clip(PORTRAIT.astype(int) + 2 * number, 0, 255).astype(np.uint8) for number in range(8)]
    return pictures, 4.0


def test_one_picture_every_half_second_and_no_more_than_five(film):
    pictures, rate = film
    assert len(pictures_of((pictures[:4], rate), None, None)) == 4
    many = [np.roll(PORTRAIT, number, axis=1) for number in range(20)]
    assert len(pictures_of((many, 2.0), None, None)) == N_PICTURES


def test_features_are_means_over_the_pictures(film):
    inner = FaceImage(parts=("geometry",))
    expected = np.mean([inner.extract_one(picture) for picture in pictures_of(film, None, None)], axis=0)
    np.testing.assert_allclose(FilmPictures(inner).extract_one(film), expected, rtol=1e-5, atol=1e-5)


def test_pictures_without_a_face_are_left_out_of_the_mean(film):
    inner = FaceImage(parts=("geometry",))
    empty = np.full_like(PORTRAIT, 128)
    empty[::2] = 90
    alone = FilmPictures(inner).extract_one(([film[0][0]], 1.0))
    np.testing.assert_allclose(FilmPictures(inner).extract_one(([empty, film[0][0]], 1.0)), alone, rtol=1e-4, atol=1e-4)
    with pytest.raises(SampleError, match="no face"):
        FilmPictures(inner).extract_one(([empty], 1.0))


def test_a_face_is_cut_out_for_what_takes_a_face_from_edge_to_edge():
    whole = data.astronaut()
    film = FilmPictures(FaceCrop())
    found = film.measure(film.signal_of(([whole], 1.0)))
    assert found.warnings == ()
    closer = film.extract_one(([np.ascontiguousarray(whole[:300, 60:360])], 1.0))
    names = film.get_feature_names_out()
    hog = np.char.startswith(names.astype(str), "hog_")
    # The same face, wherever it stands in the picture; the whole picture would be nothing like it.
    assert np.corrcoef(found.values[hog], closer[hog])[0, 1] > 0.8
    assert np.corrcoef(found.values[hog], FaceCrop().extract_one(whole)[hog])[0, 1] < 0.8


def test_its_names_and_notes_are_the_extractor_s_and_its_fingerprint_is_its_own():
    inner, film = FaceImage(parts=("geometry",)), FilmPictures(FaceImage(parts=("geometry",)))
    assert film.get_feature_names_out().tolist() == inner.get_feature_names_out().tolist()
    name = inner.get_feature_names_out()[0]
    assert film.explain(name) == inner.explain(name)
    other = FilmPictures(FaceImage(parts=("lbp",)))
    assert len({inner.fingerprint(), film.fingerprint(), other.fingerprint()}) == 3
    assert FilmPictures(FaceImage(parts=("geometry",))).fingerprint() == film.fingerprint()


def test_a_table_of_videos_is_measured_between_bounds(write_video, tmp_path):
    shapes = [np.ascontiguousarray(np.roll(PORTRAIT, 3 * number, axis=1)) for number in range(8)]
    (tmp_path / "a.mp4").write_bytes(write_video(shapes, rate=4))
    samples = pd.DataFrame(
        {"video": [str(tmp_path / "a.mp4"), str(tmp_path / "a.mp4"), None], "start_s": [0.0, 1.0, 0.0], "end_s": 1.0},
        index=["a", "b", "c"],
    )
    samples.loc["b", "end_s"] = 2.0
    extraction = FilmPictures(FaceImage(parts=("geometry",))).extract(samples)
    assert (extraction.n_extracted, extraction.n_absent, extraction.n_failed) == (2, 1, 0)
    assert not extraction.features.loc["a"].equals(extraction.features.loc["b"])
