"""A model as a page that answers in the browser: `export`, and what the pages are made of."""
