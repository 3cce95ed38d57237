"""How a base computes: attention written out, compiled blocks, offloading, timing."""
