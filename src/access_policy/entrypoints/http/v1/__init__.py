"""Version 1 of the API: one module per resource with its bodies, response models, roles and routes."""
