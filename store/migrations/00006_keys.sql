-- Keys of the stored secrets: who knows which, and how far sealing again has come. BINTEXT and times are those of 00001.

-- Which keys each running process has. A new key is put in use when all of them have it.
CREATE TABLE key_nodes (
    node    BINTEXT PRIMARY KEY, -- new with every start
    name    BINTEXT NOT NULL,    -- machine and process, for people
    keys    BINTEXT NOT NULL,    -- ids, separated by spaces
    seen_at BIGINT NOT NULL
);

-- How far each column of sealed values has come in being sealed with the keys in use.
CREATE TABLE reseals (
    place       BINTEXT PRIMARY KEY, -- table.column
    sealing     BINTEXT NOT NULL,    -- ids of the keys that its rows get
    hashing     BINTEXT NOT NULL,
    after_key   BINTEXT NOT NULL DEFAULT '', -- last row that was looked at
    total       BIGINT NOT NULL, -- rows when it began
    seen        BIGINT NOT NULL DEFAULT 0,
    changed     BIGINT NOT NULL DEFAULT 0,
    failed      BIGINT NOT NULL DEFAULT 0, -- rows that do not open
    started_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL DEFAULT 0
);
