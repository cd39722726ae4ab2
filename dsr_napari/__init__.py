"""napari plugin of dust-scratch-removal."""
