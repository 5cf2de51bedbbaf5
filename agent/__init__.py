"""The okng station: threads, devices, files and sockets around the judgement of `pipelines`."""
