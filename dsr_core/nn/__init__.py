"""PyTorch side of the filter: network, losses and ONNX export."""
