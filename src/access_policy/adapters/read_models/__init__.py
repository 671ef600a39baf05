"""Read models in SQL through SQLAlchemy: the tables, the runner that writes them, the views that answer from them."""
