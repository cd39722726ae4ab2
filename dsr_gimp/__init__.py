"""GIMP 3 plug-in of dust-scratch-removal and its installer."""
