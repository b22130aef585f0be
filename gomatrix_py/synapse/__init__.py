"""The admin API of Synapse."""
