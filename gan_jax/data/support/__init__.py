"""What data sets share: reading, decoding, caching, preparing."""
