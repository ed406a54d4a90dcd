"""What projects need to test their sessions; ours are tested with it too."""
