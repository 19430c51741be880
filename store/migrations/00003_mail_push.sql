-- Mail push: which device wants to know that its mailbox changed, and what became of telling it.
--
-- These tables reference no person and no other table, and can live in a database of their own (a region). They hold
-- keyed hashes in place of what names a mailbox or a mail server, and sealed values in place of what reaches a device.
-- BIGKEY, BINTEXT and times are those of 00001.

-- Who may register devices. The secret is shown once; this is its SHA-256.
CREATE TABLE app_keys (
    id            BINTEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    secret_hash   BYTEA NOT NULL UNIQUE,
    networks      TEXT NOT NULL DEFAULT '[]', -- JSON array of CIDR from which alone devices register with it; [] = anywhere
    mail_networks TEXT NOT NULL DEFAULT '[]', -- the same of mail servers that post to what was registered with it
    created_at    BIGINT NOT NULL,
    revoked_at    BIGINT NOT NULL DEFAULT 0,
    last_used_at  BIGINT NOT NULL DEFAULT 0   -- exact to a minute
);

-- A device that wants to be woken. No name, no address, no mailbox. Of this table and the next there are millions of rows:
-- columns stand in the order of their widths, which on PostgreSQL leaves no gaps between them.
CREATE TABLE registrations (
    key                BIGKEY,
    state_at           BIGINT NOT NULL,
    token_at           BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    heard_at           BIGINT NOT NULL,        -- last heard of by app or Exchange
    event_at           BIGINT NOT NULL DEFAULT 0,
    badge_time         BIGINT NOT NULL DEFAULT 0, -- TimeStamp of the event that said so
    wake_at            BIGINT NOT NULL DEFAULT 0,
    events             INTEGER NOT NULL DEFAULT 0,
    wakes              INTEGER NOT NULL DEFAULT 0,
    gaps               INTEGER NOT NULL DEFAULT 0,
    badge              INTEGER,                -- NULL = not known
    platform           SMALLINT NOT NULL,      -- 1 ios, 2 android, 3 web
    wake               SMALLINT NOT NULL,      -- 1 badge, 2 background, 3 rich
    state              SMALLINT NOT NULL,      -- 1 live, 2 token_rejected, 3 tombstone
    displaced          BOOLEAN NOT NULL DEFAULT FALSE, -- a push without a badge may have taken the place of one with it
    resubscribe        BOOLEAN NOT NULL DEFAULT FALSE,
    id                 BYTEA NOT NULL,         -- 16 random bytes: nothing to be read from them, not even an order
    secret_hash        BYTEA NOT NULL,         -- SHA-256, cut to 16 bytes
    capability_hash    BYTEA NOT NULL,         -- SHA-256 of the 128 random bits in the address that Exchange calls
    support_code       BINTEXT NOT NULL UNIQUE,
    app                BINTEXT NOT NULL,
    environment        BINTEXT NOT NULL,
    app_key            BINTEXT NOT NULL,
    state_reason       BINTEXT NOT NULL DEFAULT '',
    token              BYTEA,                  -- sealed; NULL in a tombstone
    token_hash         BYTEA NOT NULL,         -- HMAC (index key) of platform, app, environment and token, cut to 16 bytes
    badge_subscription BYTEA,                  -- id_hash of the subscription that said so
    wake_result        BINTEXT NOT NULL DEFAULT '',
    wake_reason        BINTEXT NOT NULL DEFAULT '',
    pace               BYTEA                   -- when the last rationed wakes went: seconds since 1970, 4 bytes each
);
CREATE UNIQUE INDEX registrations_token ON registrations (token_hash) WHERE state <> 3;
-- Looked for as a whole, and random: nobody else ever has one. PostgreSQL has an index for that at half the size.
-- only SQLite
CREATE UNIQUE INDEX registrations_id ON registrations (id);
CREATE UNIQUE INDEX registrations_capability ON registrations (capability_hash);
-- only PostgreSQL
CREATE INDEX registrations_id ON registrations USING hash (id);
CREATE INDEX registrations_capability ON registrations USING hash (capability_hash);
-- both
CREATE INDEX registrations_ended ON registrations (app, state, state_at) WHERE state <> 1;

-- What a mail server tells a registration about. The app may have bound it (a handle), or it was only ever heard.
-- Hashes are HMACs under the index key, cut to 16 bytes; those of watermarks to 8. A handle is one subscription of its
-- registration, which is locked while it is given.
CREATE TABLE subscriptions (
    key                     BIGKEY,
    registration            BIGINT NOT NULL, -- registrations.key
    created_at              BIGINT NOT NULL,
    heard_at                BIGINT NOT NULL DEFAULT 0,
    event_at                BIGINT NOT NULL DEFAULT 0,
    gap_at                  BIGINT NOT NULL DEFAULT 0, -- when a notification was last found missing
    deadline                BIGINT NOT NULL DEFAULT 0, -- when the watchdog looks at it next; 0 = never. Contacts do not move it
    late_at                 BIGINT NOT NULL DEFAULT 0, -- since when one ping is missing; 0 = none
    lost_at                 BIGINT NOT NULL DEFAULT 0, -- 0 = it is not lost
    next_reminder_at        BIGINT NOT NULL DEFAULT 0,
    reminders               INTEGER NOT NULL DEFAULT 0,
    frequency_minutes       INTEGER,         -- NULL = unwatched
    source                  SMALLINT NOT NULL, -- 1 ews
    folder                  SMALLINT NOT NULL, -- 1 inbox, 2 calendar, 3 other
    id_hash                 BYTEA NOT NULL,
    server_hash             BYTEA,           -- NULL = the id names no server
    watermark_hash          BYTEA,
    previous_watermark_hash BYTEA,
    handle                  BINTEXT          -- NULL = the app never told us
);
CREATE UNIQUE INDEX subscriptions_id ON subscriptions (registration, id_hash);
CREATE INDEX subscriptions_deadline ON subscriptions (deadline) WHERE deadline <> 0 AND lost_at = 0;
CREATE INDEX subscriptions_reminder ON subscriptions (next_reminder_at) WHERE next_reminder_at <> 0;
CREATE INDEX subscriptions_late ON subscriptions (server_hash) WHERE late_at <> 0 AND server_hash IS NOT NULL;
CREATE INDEX subscriptions_server ON subscriptions (server_hash) WHERE frequency_minutes IS NOT NULL AND server_hash IS NOT NULL;

-- What is heard of a row is written beside it, and touches no index.
-- only PostgreSQL
ALTER TABLE registrations SET (fillfactor = 90);
ALTER TABLE subscriptions SET (fillfactor = 95);
-- both

-- Wakes that no provider has accepted yet: one a registration, the newest badge wins.
CREATE TABLE pending_wakes (
    registration BIGINT PRIMARY KEY,
    kind         BINTEXT NOT NULL, -- the route: kind of provider, app, environment
    app          BINTEXT NOT NULL,
    environment  BINTEXT NOT NULL,
    wake         SMALLINT NOT NULL, -- 1 new, 2 change, 3 resubscribe
    badge        INTEGER,           -- NULL = none
    badge_time   BIGINT NOT NULL DEFAULT 0,
    badge_subscription BYTEA,
    paced        BYTEA,             -- the mail server (subscriptions.server_hash) whose resubscribe wakes share a rate
    since        BIGINT NOT NULL,   -- when the newest event in it arrived
    sent_at      BIGINT NOT NULL DEFAULT 0, -- accepted then, and looked at once more: see mailbox/pending.go
    next_at      BIGINT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    reason       BINTEXT NOT NULL DEFAULT ''
);
CREATE INDEX pending_wakes_due ON pending_wakes (kind, app, environment, next_at);

-- What happened to a registration and is not to be seen in its own row: states, tokens, subscriptions, losses. Ordinary
-- events and wakes are counters and last times there; a row for each of them would be most of the database.
CREATE TABLE mail_timeline (
    key          BIGKEY,
    registration BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    what         SMALLINT NOT NULL,
    detail       BINTEXT NOT NULL DEFAULT '' -- a word of a closed set; never a name, an id or an address
);
CREATE INDEX mail_timeline_registration ON mail_timeline (registration, key);
CREATE INDEX mail_timeline_at ON mail_timeline (at);

-- Since when somebody listens for this region, and when a node last said so. One row.
CREATE TABLE mail_regions (
    name            BINTEXT PRIMARY KEY,
    listening_since BIGINT NOT NULL,
    written_at      BIGINT NOT NULL
);

-- Registrations that a provider called dead, by app and minute, for as long as the brake looks back.
CREATE TABLE mail_deaths (
    app    BINTEXT NOT NULL,
    minute BIGINT NOT NULL, -- milliseconds of its beginning
    n      BIGINT NOT NULL,
    PRIMARY KEY (app, minute)
);

-- Apps of which too many died at once: nobody is told Unsubscribe until an administrator has looked.
CREATE TABLE mail_brakes (
    app           BINTEXT PRIMARY KEY,
    since         BIGINT NOT NULL,
    deaths        BIGINT NOT NULL, -- in the hour before
    registrations BIGINT NOT NULL  -- that the app had then
);

-- Mail servers that lost many subscriptions at once (see the watchdog).
CREATE TABLE mail_server_losses (
    server_hash  BYTEA PRIMARY KEY,
    state        SMALLINT NOT NULL, -- 1 lost, 2 recovered
    since        BIGINT NOT NULL,
    recovered_at BIGINT NOT NULL DEFAULT 0,
    watched      BIGINT NOT NULL DEFAULT 0,
    lost         BIGINT NOT NULL DEFAULT 0,
    next_wake_at BIGINT NOT NULL DEFAULT 0 -- when its next resubscribe wake may go, over all nodes
);

-- What happened, by hour, for the plots.
CREATE TABLE mail_hours (
    hour   BIGINT NOT NULL, -- milliseconds of its beginning
    app    BINTEXT NOT NULL,
    what   SMALLINT NOT NULL,
    reason BINTEXT NOT NULL DEFAULT '',
    n      BIGINT NOT NULL,
    PRIMARY KEY (hour, app, what, reason)
);

-- How long it took, by hour and bucket.
CREATE TABLE mail_latency (
    hour   BIGINT NOT NULL,
    leg    SMALLINT NOT NULL, -- 1 from the event to its arrival here, 2 from there until a provider accepted the wake
    bucket INTEGER NOT NULL,  -- its upper bound in milliseconds; 0 = above all others
    n      BIGINT NOT NULL,
    PRIMARY KEY (hour, leg, bucket)
);
