"""The operator's commands for a deployed stack: one module for each target of the Makefile."""
