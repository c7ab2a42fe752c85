"""Taking a trained network apart: sub-nets that each decide the training rows as it does, and that sum to it."""
