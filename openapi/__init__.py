"""The description of the service for those who call it: ``docs/openapi.yaml``, built from what serves.

Columns and their limits come from ``preprocessing.columns``, inputs and outputs from the models' ``config.pbtxt``, the
gateway's refusals from its configuration. Written by hand is what none of these can say: what an output means, and
prose.
"""
