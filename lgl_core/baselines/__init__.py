"""Other methods that estimate a graph from spikes, from counting to published ones."""
