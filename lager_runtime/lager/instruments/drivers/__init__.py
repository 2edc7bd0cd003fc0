"""The drivers, one module per model family. `lager.nets.catalog` says which driver serves a model."""
