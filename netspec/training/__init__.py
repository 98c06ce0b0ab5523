"""Training: the plan of a `train:` section, checked without torch; the loop, metrics, weights and pictures."""
