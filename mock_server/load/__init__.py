"""Users for load tests with Locust, which `xrt-mock load` starts; nothing else loads them."""
