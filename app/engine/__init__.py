"""The native runtime, in a process of its own, and the parent's side of its pipe. No Qt."""
