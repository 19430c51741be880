-- Who may see and do what, and what was done. BIGKEY, BINTEXT and times are those of 00001. Lines between "-- only
-- SQLite" or "-- only PostgreSQL" and "-- both" are for that database alone.

-- limited: to the groups in account_groups. A group that is deleted leaves its row there, never the limit.
ALTER TABLE accounts ADD COLUMN limited BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE accounts ADD COLUMN mail BINTEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN mobile BINTEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN receives_alerts BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE account_groups (
    account   BINTEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    group_key BIGINT NOT NULL REFERENCES fleet_groups (key) ON DELETE CASCADE,
    PRIMARY KEY (account, group_key)
);
CREATE INDEX account_groups_group ON account_groups (group_key);

-- maker is the account that made the token, directly or by another token: it never has more than that account. Empty =
-- made at the command line.
ALTER TABLE api_tokens ADD COLUMN limited BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE api_tokens ADD COLUMN maker BINTEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN made_by TEXT NOT NULL DEFAULT ''; -- the maker's name, for people
CREATE INDEX api_tokens_maker ON api_tokens (maker);

CREATE TABLE api_token_groups (
    token     BINTEXT NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    group_key BIGINT NOT NULL REFERENCES fleet_groups (key) ON DELETE CASCADE,
    PRIMARY KEY (token, group_key)
);
CREATE INDEX api_token_groups_group ON api_token_groups (group_key);

-- The groups that whoever sent a notification is limited to. Rows outlive their group: without it nobody's groups hold
-- all of them any more, and the notification is seen by those alone who are not limited.
ALTER TABLE notifications ADD COLUMN limited BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX notifications_limited ON notifications (key) WHERE limited;

CREATE TABLE notification_groups (
    notification BIGINT NOT NULL REFERENCES notifications (key) ON DELETE CASCADE,
    group_key    BIGINT NOT NULL,
    PRIMARY KEY (notification, group_key)
);

-- What was done, by whom, when and from where. Rows are added and, when they are old enough, taken away together;
-- nothing changes them.
CREATE TABLE audit (
    id           BIGKEY,
    at           BIGINT NOT NULL,
    actor_kind   BINTEXT NOT NULL, -- account, token, system, nobody
    actor        BINTEXT NOT NULL, -- id of the account or token
    actor_name   BINTEXT NOT NULL,
    role         BINTEXT NOT NULL,
    address      BINTEXT NOT NULL, -- of the client; empty = done on the machine itself
    action       BINTEXT NOT NULL,
    object_kind  BINTEXT NOT NULL,
    object       BINTEXT NOT NULL, -- its id
    object_name  BINTEXT NOT NULL,
    before_value TEXT, -- JSON; NULL = nothing
    after_value  TEXT
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor_name, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_object ON audit (object_kind, object, id);

-- Entries before this time may be deleted: it is moved, and only forward, by what applies the retention setting.
CREATE TABLE audit_horizon (kept_since BIGINT NOT NULL);
INSERT INTO audit_horizon (kept_since) VALUES (0);

-- only SQLite
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN OLD.at >= (SELECT MIN(kept_since) FROM audit_horizon)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_horizon_forward BEFORE UPDATE ON audit_horizon WHEN NEW.kept_since < OLD.kept_since
BEGIN
    SELECT RAISE(ABORT, 'what the audit log kept stays kept');
END;
-- only PostgreSQL
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE FUNCTION refuse_audit_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at >= (SELECT MIN(kept_since) FROM audit_horizon) THEN
        RAISE EXCEPTION 'the audit log is append-only';
    END IF;
    RETURN OLD;
END $$;
CREATE FUNCTION refuse_audit_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kept_since < OLD.kept_since THEN
        RAISE EXCEPTION 'what the audit log kept stays kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_kept BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_audit_deletion();
CREATE TRIGGER audit_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_horizon_forward BEFORE UPDATE ON audit_horizon FOR EACH ROW EXECUTE FUNCTION refuse_audit_return();
-- both
