-- A delivery goes with its batch, whose job knows its keys: only those that wait for another attempt are looked for by
-- their server, and what is open is found on the way through a notification. Each index less is an entry less to be
-- written with a delivery, and one less to be taken out when it was sent.
DROP INDEX deliveries_open;
DROP INDEX deliveries_queued;
CREATE INDEX deliveries_due ON deliveries (server, due_at) WHERE state = 1 AND due_at > 0;
