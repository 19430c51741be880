-- How people sign in. BINTEXT, BYTEA and times are those of 00001.

-- What a browser holds has moved: who signed in is a row of account_sessions, which the session only points to.
DELETE FROM sessions;

-- One row for each browser that somebody is signed in with. It ends when it is deleted.
CREATE TABLE account_sessions (
    id         BINTEXT PRIMARY KEY, -- random; the browser's cookie is another secret
    account    BINTEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    method     BINTEXT NOT NULL,    -- password, link, provider, demo
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,     -- at most a minute old
    address    BINTEXT NOT NULL,    -- of the client, when it was seen
    agent      TEXT NOT NULL,       -- User-Agent
    id_token   BYTEA                -- of the provider, sealed, for signing out there
);
CREATE INDEX account_sessions_account ON account_sessions (account, seen_at);
CREATE INDEX account_sessions_seen ON account_sessions (seen_at);

-- Second factors by RFC 6238. One that was never confirmed with a code is not asked for.
CREATE TABLE second_factors (
    account      BINTEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    secret       BYTEA NOT NULL,              -- sealed
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL DEFAULT 0,
    last_step    BIGINT NOT NULL DEFAULT 0    -- time step of the newest code that was taken: no code works twice
);

-- Codes that work once in place of the second factor; those that were used are gone.
CREATE TABLE recovery_codes (
    account   BINTEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (account, code_hash)
);

-- The OpenID provider that people may sign in at. There is at most one: id is 1.
CREATE TABLE identity_providers (
    id         BIGINT PRIMARY KEY,
    settings   JSONB NOT NULL,
    secret     BYTEA NOT NULL,  -- of the client, sealed; empty = none
    updated_at BIGINT NOT NULL
);

-- Who somebody is at a provider. managed: the account was made by signing in there, and its role follows its groups.
CREATE TABLE account_identities (
    issuer  BINTEXT NOT NULL,
    subject BINTEXT NOT NULL,
    account BINTEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    managed BOOLEAN NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX account_identities_account ON account_identities (account);
