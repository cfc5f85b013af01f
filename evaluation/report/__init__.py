"""Results for people: the HTML page with its evidence, plots, tables in the terminal, summaries for CI."""
