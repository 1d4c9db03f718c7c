"""Plain Python: conversations, prompts, settings, models on disk; no Qt, threads or llama.cpp."""
