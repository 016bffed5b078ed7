"""Pipeline of a job: fetch, decode, cut, extract."""
