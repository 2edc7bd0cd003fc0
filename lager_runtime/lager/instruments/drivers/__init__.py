"""The drivers, one module per model family, by kind. `lager.nets.catalog` says which driver serves a model."""
