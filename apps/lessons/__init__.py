"""The classic small examples, each one run and one picture: python -m apps.lessons lists them."""
