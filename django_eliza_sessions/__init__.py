"""The ElizaOS Sessions API as a pluggable Django app."""

__version__ = "0.1.0"
