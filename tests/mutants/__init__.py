"""`make mutants`: changes one thing in a module of the product and asks whether its unit tests notice."""
