"""What ``seed_demo`` makes and ``make run`` tells of."""

#: The agent in the examples of the API's documentation.
AGENT_ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
AGENT_NAME = "Eliza"
USERNAME = PASSWORD = "admin"  # noqa: S105 - for local use, and only made with DEBUG
