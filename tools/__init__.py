"""What those who change the project call through the Makefile: recipes that are too long for it, a module each."""
