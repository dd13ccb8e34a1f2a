"""What a caller of the valuation service uses.

It knows the service by its address alone: inputs, their types and the largest batch come from
the configuration that the server itself reports.
"""
