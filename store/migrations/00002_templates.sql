-- Templates, sounds, and the alerts that were given.

CREATE TABLE templates (
    key         BIGKEY,
    id          BINTEXT NOT NULL UNIQUE, -- of a predefined one: its type
    name        BINTEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    type        BINTEXT NOT NULL,
    predefined  BOOLEAN NOT NULL,
    push_active BOOLEAN NOT NULL DEFAULT FALSE,
    smtp_active BOOLEAN NOT NULL DEFAULT FALSE,
    sms_active  BOOLEAN NOT NULL DEFAULT FALSE,
    body        JSONB,                   -- everything else; NULL = a predefined one as it came
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

-- Sounds of push messages, beside the one that every platform has.
CREATE TABLE sounds (
    key        BIGKEY,
    id         BINTEXT NOT NULL UNIQUE,
    name       BINTEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- What administrators were told, so that they are told once: by whichever node, and whatever was restarted since.
CREATE TABLE alerts (
    name         BINTEXT PRIMARY KEY, -- what it was about, and how far it had come
    notification BINTEXT NOT NULL,
    given_at     BIGINT NOT NULL
);
CREATE INDEX alerts_given ON alerts (given_at);

ALTER TABLE notifications ADD COLUMN template_id BINTEXT NOT NULL DEFAULT '';

-- In which of its notification's languages a delivery is; NULL = the language of whoever has none of them.
ALTER TABLE deliveries ADD COLUMN language TEXT;
