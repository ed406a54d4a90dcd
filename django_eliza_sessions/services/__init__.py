"""What the app does: one keyword-only function per operation.

Every door (HTTP, admin, Celery, commands) calls these, and they alone change sessions,
messages and replies.
"""
