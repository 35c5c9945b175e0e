"""Drawing and markup of the pages: HTML with everything escaped, and figures whose colours follow the page."""
