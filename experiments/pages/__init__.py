"""Pages of results: reports from templates, means and figures in one style."""
