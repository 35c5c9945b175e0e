"""What a run or a diagnosis found, as one HTML page that needs nothing else: no network, no script, no other file.

`run_page` reads a run folder, `diagnosis_page` a `Diagnosis`. `markup` writes HTML with everything escaped, `chart`
draws curves and heat maps as SVG whose colours follow the page, and `page` puts sections together.
"""

from rnnkit.report.run_page import run_page
from rnnkit.report.through_time import diagnosis_page

__all__ = ["diagnosis_page", "run_page"]
