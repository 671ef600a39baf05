"""Write documents under `docs` from the code (`make docs`)."""
