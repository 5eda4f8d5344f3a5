"""One block of features in, class probabilities out."""
