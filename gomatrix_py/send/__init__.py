"""What is sent: contents made from text, Markdown, HTML, replies, edits, polls and places."""

from ..events.contents.messages import Mentions
from ..events.contents.polls import PollOption
from .contents import html_content, markdown_content, reaction_content, sticker_content, text_content
from .html import escape_html, sanitize_html
from .markdown import escape_markdown, markdown_to_html
from .mentions import mention, mention_markdown, mentioned_users
from .places import Coordinates, geo_uri, location_content, parse_geo_uri
from .plain_text import plain_text
from .polls import poll_content

__all__ = [
    "Coordinates",
    "Mentions",
    "PollOption",
    "escape_html",
    "escape_markdown",
    "geo_uri",
    "html_content",
    "location_content",
    "markdown_content",
    "markdown_to_html",
    "mention",
    "mention_markdown",
    "mentioned_users",
    "parse_geo_uri",
    "plain_text",
    "poll_content",
    "reaction_content",
    "sanitize_html",
    "sticker_content",
    "text_content",
]
