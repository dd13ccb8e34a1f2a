"""The embedded Triton: the server binary of the ``nvidia-pytriton`` wheel, run without Docker.

For laptops, tests and CI, on the loopback interface only. Knows nothing of homes or prices.
"""
