"""Models that can be evaluated: local Phi-3-Vision and OpenAI-compatible servers, behind the protocols of `base`."""
