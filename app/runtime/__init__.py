"""The worker threads, and the facades that the window talks to. QtCore only."""
