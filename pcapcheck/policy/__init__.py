"""The policy of a project: its file (file.py), what else says settings (settings.py), what they do (policy.py)."""
