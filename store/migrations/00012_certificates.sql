-- Certificates that listeners get from an authority by ACME (RFC 8555). BINTEXT, BYTEA and times are those of 00001.

-- What is kept of a conversation with an authority: the account's key, certificates with their keys, answers to challenges.
CREATE TABLE acme_values (
    key        BINTEXT PRIMARY KEY, -- the directory's URL, a space, and what autocert calls it
    value      BYTEA NOT NULL,      -- sealed
    changed_at BIGINT NOT NULL
);

-- The host names that nodes serve by ACME, and how each of them does.
CREATE TABLE certificates (
    name          BINTEXT PRIMARY KEY,
    directory     BINTEXT NOT NULL,            -- URL of the authority's directory
    listeners     BINTEXT NOT NULL,            -- that serve it, separated by spaces
    wanted_at     BIGINT NOT NULL,             -- when a node last said that it serves it
    ends_at       BIGINT NOT NULL DEFAULT 0,   -- of the certificate that is kept; 0 = there is none
    failing_since BIGINT NOT NULL DEFAULT 0,   -- first attempt that failed after the last that did not
    reason        BINTEXT NOT NULL DEFAULT '', -- of the last one that failed, in the authority's words
    node          BINTEXT NOT NULL DEFAULT '', -- who speaks with the authority about it now
    busy_until    BIGINT NOT NULL DEFAULT 0    -- and for how long at most
);
