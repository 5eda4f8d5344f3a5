"""One signal in, named float32 features out."""
