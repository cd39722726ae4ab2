"""Training of the models: film-damage simulator, trainer, evaluation."""
