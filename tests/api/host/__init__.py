"""A host project with strong opinions, for test_pluggable.py."""
