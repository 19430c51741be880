-- What is listed by its state is listed by its channel too.
DROP INDEX deliveries_trouble;
CREATE INDEX deliveries_trouble ON deliveries (notification, channel, state, id) WHERE state IN (5, 6, 7, 8);
