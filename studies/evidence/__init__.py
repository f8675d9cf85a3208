"""From the committed results to verdicts, and to the page that shows them."""
