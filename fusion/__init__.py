"""Several blocks of features in, one decision out."""
