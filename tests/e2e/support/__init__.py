"""What the tests of several folders need besides fixtures, which are in the conftest.py files."""
