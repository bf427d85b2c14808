"""What a discriminator is given of a batch."""
