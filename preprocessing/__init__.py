"""From a home's columns to the features that every price model reads.

numpy and the standard library only: this folder is copied into the model repository
as it stands, so training and serving run the same lines. Import within it is relative
for that reason.
"""
