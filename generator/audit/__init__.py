"""Privacy and fidelity of a synthetic catalog against a real one."""
