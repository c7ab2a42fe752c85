"""`model=adversarial`: a classifier that learns from generated images too, made by a generator that it is the opponent of."""
