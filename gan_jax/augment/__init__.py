"""How a batch is prepared for the discriminator: views and augmentation."""
