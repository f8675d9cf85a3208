"""The generalised linear model: every neuron by the spikes of all."""
