"""What is timed, and what becomes of the figures."""
