"""Which numbers a network is trained in: bfloat16 where the hardware multiplies it, else float32."""

import torch


def multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether a device has units for matrices of bfloat16: without them it is slower than float32."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cuda" or any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def autocast(device: torch.device, *, cached: bool = True) -> torch.autocast:
    """Return a context in which a network multiplies in bfloat16 if its device does.

    Parameters
    ----------
    device
        Where the network lies.
    cached
        Keep the weights' casts for the whole context, which a recorded graph must not.
    """
    on = multiplies_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=on, cache_enabled=cached)
