"""What is sent: contents made from text, Markdown, HTML, replies, edits, polls and places."""
