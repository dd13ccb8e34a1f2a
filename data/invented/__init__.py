"""An invented market for whoever has no data: the towns are King County's, everything else is made up.

Places, their people, the homes, and their sales: each module draws on the ones before it.
"""
