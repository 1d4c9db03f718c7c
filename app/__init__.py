"""Octet, a desktop chat for Mixtral 8x7B."""
