"""A model as a page that answers in the browser: `export`, and the parts of the pages."""
