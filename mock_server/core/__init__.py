"""Rules of the service: facts and a time in, answers out; no clock, file, SQL, HTTP, products or scenario."""
