-- BIGKEY is the database's own key of a row; BINTEXT is text that is compared byte by byte (see dialect.go).
-- Times are milliseconds since 1970, UTC; 0 = never.

CREATE TABLE settings (
    name  BINTEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Next free number of keys that are handed out in ranges.
CREATE TABLE sequences (
    name BINTEXT PRIMARY KEY,
    next BIGINT NOT NULL
);

CREATE TABLE users (
    key          BIGKEY,
    id           BINTEXT NOT NULL UNIQUE,
    username     BINTEXT NOT NULL DEFAULT '',
    domain       TEXT NOT NULL DEFAULT '',
    display_name BINTEXT NOT NULL DEFAULT '',
    given_name   TEXT NOT NULL DEFAULT '',
    surname      TEXT NOT NULL DEFAULT '',
    mail         BINTEXT NOT NULL DEFAULT '',
    mobile       BINTEXT NOT NULL DEFAULT '',
    language     BINTEXT NOT NULL DEFAULT '',
    properties   JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX users_username ON users (username, key);
CREATE INDEX users_display_name ON users (display_name, key);
CREATE INDEX users_mail ON users (mail);
CREATE INDEX users_mobile ON users (mobile);

CREATE TABLE devices (
    key            BIGKEY,
    id             BINTEXT NOT NULL UNIQUE,
    name           BINTEXT NOT NULL DEFAULT '',
    platform       BINTEXT NOT NULL,
    os_version     BINTEXT NOT NULL DEFAULT '',
    os_version_key BINTEXT NOT NULL DEFAULT '', -- padded, so that text order is version order
    model          BINTEXT NOT NULL DEFAULT '',
    serial_number  BINTEXT NOT NULL DEFAULT '',
    imei           BINTEXT NOT NULL DEFAULT '',
    phone_number   BINTEXT NOT NULL DEFAULT '',
    carrier        BINTEXT NOT NULL DEFAULT '',
    ownership      BINTEXT NOT NULL,
    managed        BOOLEAN NOT NULL,
    compliant      BOOLEAN NOT NULL,
    jailbroken     BOOLEAN NOT NULL,
    last_seen      BIGINT NOT NULL DEFAULT 0,
    user_key       BIGINT REFERENCES users (key) ON DELETE SET NULL,
    properties     JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX devices_user ON devices (user_key);
CREATE INDEX devices_platform ON devices (platform, os_version_key, key);
CREATE INDEX devices_os_version ON devices (os_version_key, key);
CREATE INDEX devices_last_seen ON devices (last_seen, key);
CREATE INDEX devices_name ON devices (name, key);
CREATE INDEX devices_serial_number ON devices (serial_number);

CREATE TABLE fleet_groups (
    key         BIGKEY,
    id          BINTEXT NOT NULL UNIQUE,
    name        BINTEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT ''
);

CREATE TABLE device_groups (
    group_key  BIGINT NOT NULL REFERENCES fleet_groups (key) ON DELETE CASCADE,
    device_key BIGINT NOT NULL REFERENCES devices (key) ON DELETE CASCADE,
    PRIMARY KEY (group_key, device_key)
);
CREATE INDEX device_groups_device ON device_groups (device_key);

CREATE TABLE user_groups (
    group_key BIGINT NOT NULL REFERENCES fleet_groups (key) ON DELETE CASCADE,
    user_key  BIGINT NOT NULL REFERENCES users (key) ON DELETE CASCADE,
    PRIMARY KEY (group_key, user_key)
);
CREATE INDEX user_groups_user ON user_groups (user_key);

-- A device's address for push. The token is sealed; equal tokens are found by their keyed hash.
CREATE TABLE push_tokens (
    device_key  BIGINT PRIMARY KEY REFERENCES devices (key) ON DELETE CASCADE,
    provider    BINTEXT NOT NULL,
    app         BINTEXT NOT NULL,
    environment BINTEXT NOT NULL,
    token       BYTEA NOT NULL,
    token_hash  BYTEA NOT NULL UNIQUE,
    arrived_at  BIGINT NOT NULL,
    state       BINTEXT NOT NULL DEFAULT 'live', -- live, dead, suspended
    reason      TEXT NOT NULL DEFAULT '',
    since       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX push_tokens_app ON push_tokens (provider, app, environment, state);

-- What a provider said for good about a mail address or a number.
CREATE TABLE address_marks (
    channel SMALLINT NOT NULL,
    address BINTEXT NOT NULL,
    reason  BINTEXT NOT NULL,
    detail  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (channel, address)
);

-- One row per configuration that messages leave by: an SMTP server, an APNs credential, an FCM project.
CREATE TABLE servers (
    key          BIGKEY,
    id           BINTEXT NOT NULL UNIQUE,
    kind         BINTEXT NOT NULL,
    name         BINTEXT NOT NULL UNIQUE,
    description  TEXT NOT NULL DEFAULT '',
    host         TEXT NOT NULL DEFAULT '',
    app          BINTEXT NOT NULL DEFAULT '',
    environment  BINTEXT NOT NULL DEFAULT '', -- empty = any
    settings     BYTEA NOT NULL,              -- sealed JSON
    active       BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,             -- a new one means: open again
    paused_since BIGINT NOT NULL DEFAULT 0,   -- 0 = not paused
    paused_until BIGINT NOT NULL DEFAULT 0,
    pause_step   INTEGER NOT NULL DEFAULT 0,  -- how often in a row
    pause_reason BINTEXT NOT NULL DEFAULT '',
    pause_detail TEXT NOT NULL DEFAULT '',
    answered_at  BIGINT NOT NULL DEFAULT 0,   -- last answer of the server, and what it was
    answer       TEXT NOT NULL DEFAULT '',
    deleted_at   BIGINT NOT NULL DEFAULT 0    -- its secrets are gone; the row stays while deliveries point at it
);

-- When a server with a rate takes the next message, over all nodes. Addresses with the same rate share a lane.
CREATE TABLE server_rates (
    server    BIGINT NOT NULL REFERENCES servers (key) ON DELETE CASCADE,
    lane      BINTEXT NOT NULL, -- the rate
    next_free BIGINT NOT NULL,
    PRIMARY KEY (server, lane)
);

-- Mail gateways of mobile carriers. They begin with what carrier.Known says, once (setting carriers_known).
CREATE TABLE carrier_gateways (
    id       BINTEXT PRIMARY KEY,
    carrier  BINTEXT NOT NULL,
    domain   BINTEXT NOT NULL,
    country  BINTEXT NOT NULL,
    prefix   TEXT NOT NULL DEFAULT '',
    ends_on  BIGINT NOT NULL DEFAULT 0,
    doubtful BOOLEAN NOT NULL DEFAULT FALSE,
    note     TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX carrier_gateways_domain ON carrier_gateways (LOWER(carrier), domain);

CREATE TABLE notifications (
    key          BIGKEY,
    id           BINTEXT NOT NULL UNIQUE,
    state        BINTEXT NOT NULL, -- scheduled, expanding, sending, done, cancelled
    audience     JSONB NOT NULL,
    content      JSONB NOT NULL,
    template     TEXT NOT NULL DEFAULT '',
    requested_by TEXT NOT NULL,
    lane         SMALLINT NOT NULL,
    created_at   BIGINT NOT NULL,
    send_at      BIGINT NOT NULL DEFAULT 0,
    started_at   BIGINT NOT NULL DEFAULT 0,
    retried_at   BIGINT NOT NULL DEFAULT 0, -- somebody asked for another try; lifetimes count from here
    finished_at  BIGINT NOT NULL DEFAULT 0,
    expires_in   BIGINT NOT NULL DEFAULT 0, -- milliseconds; 0 = the channel's lifetime
    open         BIGINT NOT NULL DEFAULT 0  -- deliveries that are queued; kept with the counts
);
CREATE INDEX notifications_running ON notifications (key) WHERE state IN ('scheduled', 'expanding', 'sending');

CREATE TABLE notification_counts (
    notification BIGINT NOT NULL REFERENCES notifications (key) ON DELETE CASCADE,
    channel      SMALLINT NOT NULL,
    state        SMALLINT NOT NULL,
    n            BIGINT NOT NULL,
    PRIMARY KEY (notification, channel, state)
);

-- Deliveries that became final, by hour, for the dashboard.
CREATE TABLE hour_counts (
    hour    BIGINT NOT NULL, -- milliseconds of its beginning
    channel SMALLINT NOT NULL,
    state   SMALLINT NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (hour, channel, state)
);

-- Rows that come in millions: integer keys, short columns, no text but the macros' values.
CREATE TABLE deliveries (
    id           BIGINT PRIMARY KEY,
    notification BIGINT NOT NULL,
    channel      SMALLINT NOT NULL,
    state        SMALLINT NOT NULL,
    device_key   BIGINT,
    user_key     BIGINT,
    address      BINTEXT NOT NULL DEFAULT '',
    server       BIGINT,
    shared       BOOLEAN NOT NULL DEFAULT FALSE,
    attempts     SMALLINT NOT NULL DEFAULT 0,
    due_at       BIGINT NOT NULL DEFAULT 0, -- 0 = goes with its first batch; else its next attempt
    slot_values  TEXT,                      -- JSON array; NULL = the texts have no macros
    reason       BINTEXT,
    detail       TEXT,
    provider_id  TEXT,
    finished_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_notification ON deliveries (notification, id);
CREATE INDEX deliveries_open ON deliveries (notification, id) WHERE state = 1;
CREATE INDEX deliveries_trouble ON deliveries (notification, state, id) WHERE state IN (5, 6, 7, 8);
CREATE INDEX deliveries_queued ON deliveries (server, due_at) WHERE state = 1;
CREATE INDEX deliveries_device ON deliveries (device_key, id) WHERE device_key IS NOT NULL;
CREATE INDEX deliveries_user ON deliveries (user_key, id) WHERE user_key IS NOT NULL;

-- Attempts that failed. A first attempt that was accepted writes none.
CREATE TABLE attempts (
    id       BIGKEY,
    delivery BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    server   TEXT NOT NULL,
    reason   BINTEXT NOT NULL,
    answer   TEXT NOT NULL,
    detail   TEXT NOT NULL
);
CREATE INDEX attempts_delivery ON attempts (delivery);

CREATE TABLE accounts (
    id            BINTEXT PRIMARY KEY,
    name          BINTEXT NOT NULL UNIQUE, -- lower case
    role          BINTEXT NOT NULL,
    password_hash TEXT NOT NULL DEFAULT '',
    created_at    BIGINT NOT NULL,
    last_sign_in  BIGINT NOT NULL DEFAULT 0
);

-- One-time links that set a password; only a hash of the secret is kept.
CREATE TABLE account_links (
    secret_hash BYTEA PRIMARY KEY,
    account     BINTEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires_at  BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    data       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE api_tokens (
    id          BINTEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    role        BINTEXT NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL DEFAULT 0,
    last_used   BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE idempotency_keys (
    token      BINTEXT NOT NULL, -- id of the API token
    key        BINTEXT NOT NULL,
    body_hash  BYTEA NOT NULL,
    status     INTEGER NOT NULL,
    location   TEXT NOT NULL,
    response   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (token, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

