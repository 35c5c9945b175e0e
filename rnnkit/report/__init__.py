"""What a run, a search, a comparison or a diagnosis found, as one HTML page that needs nothing else.

No network, no script, no other file.

`run_page` reads a run folder, `diagnosis_page` a `Diagnosis`, `search_page` a `GuidedSearch`, `comparison_page` a
`Comparison`. `markup` writes HTML with everything escaped, `chart`
draws curves and heat maps as SVG whose colours follow the page, and `page` puts sections together.
"""

from rnnkit.report.comparison_page import comparison_page
from rnnkit.report.run_page import run_page
from rnnkit.report.search_page import search_page
from rnnkit.report.through_time import diagnosis_page

__all__ = ["comparison_page", "diagnosis_page", "run_page", "search_page"]
