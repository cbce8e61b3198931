"""The drawn documentation."""
