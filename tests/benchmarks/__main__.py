"""Runs the benchmarks: ``python tests/benchmarks`` or ``python -m tests.benchmarks``."""

import runpy
import sys
from pathlib import Path

# As under pytest, `benchmarks` is a package of the folder `tests`.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
runpy.run_module("benchmarks.command", run_name="__main__")
