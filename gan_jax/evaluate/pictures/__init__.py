"""Pictures of samples, points and curves."""
