"""The embedded Triton, and the supervisor that runs beside every Triton in a container.

The embedded Triton is the server binary of the ``nvidia-pytriton`` wheel, run without Docker. It is for laptops, tests
and CI, on the loopback interface only.

Two programs belong to this service and ask it for a price: ``__main__`` (``make up``) and ``replica`` (the
supervisor). They name its ensembles and a made-up home; a test compares the names with the repository's. All
other modules serve any model repository and know nothing of homes or prices.
"""
