"""A project around the app, to try it and to copy from: ``make run``."""

from example_project.celery import app as celery_app

__all__ = ["celery_app"]
