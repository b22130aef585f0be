"""What can be said of a file before it is sent, and under which name one may be kept."""
