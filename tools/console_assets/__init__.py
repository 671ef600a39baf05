"""The console's style sheets and scripts from npm, which `make setup` and `make run` copy into the package."""
