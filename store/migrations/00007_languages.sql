-- How the console speaks to each account; empty = as its browser asks.
ALTER TABLE accounts ADD COLUMN language BINTEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN time_zone BINTEXT NOT NULL DEFAULT '';
