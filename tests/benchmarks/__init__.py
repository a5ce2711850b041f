"""Speed side by side: ours, the floor and peers, in one run on the same bytes: ``python tests/benchmarks --help``."""
