"""What an operator does with a stack that is deployed: the Makefile's targets, one module each."""
