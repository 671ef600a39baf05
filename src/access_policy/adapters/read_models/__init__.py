"""Read models in SQL through SQLAlchemy: the tables, the runner that writes them, and the views that query them."""
