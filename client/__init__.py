"""What a caller of the valuation service uses; of the other folders it needs the reader of tables, `data/tabular`.

It knows the service by its address: inputs, their types and the largest batch come from the configuration
that the server reports. It also knows the names of the outputs, the form of a refusal, and the names of the
CSV files; a test compares them with the service's own.
"""
