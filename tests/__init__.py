"""The tests, from units without a server to real containers."""

import os

# Threads that wait asleep, set before anything loads OpenMP: trees train many times faster where other work shares
# the cores. The Makefile does the same; this is for pytest called by hand.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
