"""Faces in pictures: our extractor against a plain loop of dlib and scikit-image over the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...features.face import FaceImage
from ...features.faces import Box, find_faces, predictor_file
from . import Options, Row, side_by_side

N_CROPS, N_PICTURES, N_QUICK = 200, 20, 1
MOST_CROP_S = 0.005  # a face


def benchmark(options: Options) -> list[Row]:
    """Time landmarks and HOG on crops of 48 x 48 and on pictures of 640 x 480, made from one photograph."""
    crops, pictures = _write(options.folder, *((N_QUICK, N_QUICK) if options.quick else (N_CROPS, N_PICTURES)))
    of_crops = _row(f"{len(crops)} face crops 48x48: geometry, HOG", crops, FaceImage(detect=False))
    in_pictures = f"{len(pictures)} pictures 640x480"
    return [
        of_crops._replace(at_least=None, at_most=MOST_CROP_S * len(crops)),
        _row(f"{in_pictures}: find, geometry, HOG", pictures, FaceImage()),
        _row(f"{in_pictures}, 2 threads", pictures, FaceImage(), n_jobs=2),
    ]


def _row(name: str, paths: list[str], extractor: FaceImage, n_jobs: int = 1) -> Row:
    samples = pd.DataFrame({"image": paths}, index=[f"{number:04d}" for number in range(len(paths))])
    detector, predictor = _plain_models()

    def ours() -> None:
        extraction = extractor.extract(samples, n_jobs=n_jobs)
        if extraction.n_failed:
            raise RuntimeError(f"{extraction.n_failed} pictures failed: {extraction.failures['message'].iloc[0]}")

    def plain() -> None:
        for path in paths:
            _plain_features(path, detector if extractor.detect else None, predictor)

    return Row(name, *side_by_side(ours, plain), at_least=1.0)


def _write(folder: Path, n_crops: int, n_pictures: int) -> tuple[list[str], list[str]]:
    """Write every crop and every picture with a shift of its own, so that no two files are the same."""
    from PIL import Image
    from skimage import data

    astronaut = data.astronaut()
    face = find_faces(astronaut)[0].box
    crops, pictures = [], []
    for number in range(n_crops):
        x, y = number % 15 - 7, number // 15 - 7
        box = Box(face.left + x, face.top + y, face.right + x, face.bottom + y)
        crops.append(folder / f"crop_{number}.png")
        Image.fromarray(astronaut).convert("L").crop(box).resize((48, 48)).save(crops[-1])
    for number in range(n_pictures):
        pictures.append(folder / f"picture_{number}.jpg")
        view = Image.fromarray(astronaut).crop((number, 0, 512, 384)).resize((640, 480))
        view.save(pictures[-1], quality=95)
    return [str(path) for path in crops], [str(path) for path in pictures]


def _plain_models() -> tuple[Any, Any]:
    import dlib

    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(predictor_file()))


def _plain_features(path: str, detector: Any, predictor: Any) -> Any:
    """Do what one would write down first: landmarks on the picture, a warp by the eyes, scikit-image's HOG."""
    import dlib
    from PIL import Image
    from skimage.feature import hog
    from skimage.transform import SimilarityTransform, resize, warp

    image = np.asarray(Image.open(path).convert("L"))
    if detector is None:
        image = (resize(image, (192, 192)) * 255).astype(np.uint8)
        found = dlib.rectangle(0, 0, 191, 191)
    else:
        found = max(detector(image, 0), key=lambda rectangle: rectangle.area())
    points = np.array([(point.x, point.y) for point in predictor(image, found).parts()], dtype=float)
    eyes = np.array([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    transform = SimilarityTransform.from_estimate(np.array([[14.4, 17.0], [33.6, 17.0]]), eyes)
    aligned = warp(image, transform, output_shape=(48, 48), mode="edge")
    centred = points - points[27:48].mean(axis=0)
    distances = np.linalg.norm(centred[:, None] - centred[None], axis=2)
    return np.concatenate(
        [
            centred.ravel(),
            distances[np.triu_indices(68, 1)],
            hog(aligned, pixels_per_cell=(8, 8), cells_per_block=(2, 2)),
        ]
    )
