"""An invented market for people who have no data: the towns are King County's, everything else is made up.

In the order in which they build on each other: ``places``, ``people``, ``buildings`` and ``market``.
"""
