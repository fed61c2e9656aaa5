"""The map: producers, exchanges, bindings, queues and worker nodes as one graph, drawn in the browser and listed as tables."""
