"""How good a model is: on validation pairs and on real film."""
