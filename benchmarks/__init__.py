"""What this machine can do: the engine beside a bare sender, measured the same way. Start with `make bench`."""
