"""Plain Python: conversations, prompts, settings, models on disk. No Qt, no threads, no llama.cpp."""
