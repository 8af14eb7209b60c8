"""`python -m benchmarks`: the product's figures beside peers and floors in the same run (`./roamkeep bench`)."""
