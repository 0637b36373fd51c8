-- Kept to what SQLite and PostgreSQL both understand; what only SQLite does is in the files named *_sqlite.sql.
-- Ids are UUIDv7 text, times unix milliseconds, JSON is text, digests are lower-case hexadecimal.

CREATE TABLE models (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Outlives every version and the model itself, so that no number is used twice.
    last_number BIGINT NOT NULL,
    created_unix_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    deleted_unix_ms BIGINT
);

CREATE TABLE versions (
    id TEXT NOT NULL PRIMARY KEY,
    model_id TEXT NOT NULL REFERENCES models (id),
    number BIGINT NOT NULL,
    package_digest TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT,
    task TEXT NOT NULL,
    metrics TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    tags TEXT NOT NULL,
    created_unix_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    note TEXT NOT NULL,
    UNIQUE (model_id, number)
);

CREATE TABLE aliases (
    model_id TEXT NOT NULL REFERENCES models (id),
    alias TEXT NOT NULL,
    version_id TEXT NOT NULL REFERENCES versions (id),
    moved_unix_ms BIGINT NOT NULL,
    moved_by TEXT NOT NULL,
    PRIMARY KEY (model_id, alias)
);

CREATE INDEX aliases_by_version ON aliases (version_id);

CREATE TABLE alias_moves (
    model_id TEXT NOT NULL REFERENCES models (id),
    alias TEXT NOT NULL,
    position BIGINT NOT NULL,
    from_number BIGINT,
    to_number BIGINT,
    moved_unix_ms BIGINT NOT NULL,
    moved_by TEXT NOT NULL,
    PRIMARY KEY (model_id, alias, position)
);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_unix_ms BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    token_digest TEXT NOT NULL UNIQUE,
    csrf_digest TEXT NOT NULL,
    address TEXT,
    created_unix_ms BIGINT NOT NULL,
    last_used_unix_ms BIGINT NOT NULL,
    expires_unix_ms BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    key_digest TEXT NOT NULL UNIQUE,
    last_four TEXT NOT NULL,
    scopes TEXT NOT NULL,
    requests_per_minute BIGINT,
    created_unix_ms BIGINT NOT NULL,
    expires_unix_ms BIGINT,
    last_used_unix_ms BIGINT,
    revoked_unix_ms BIGINT
);

CREATE INDEX api_keys_by_user ON api_keys (user_id, id);

CREATE TABLE audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at_unix_ms BIGINT NOT NULL,
    actor_id TEXT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
);

CREATE INDEX audit_by_action ON audit (action, sequence);
CREATE INDEX audit_by_actor ON audit (actor, sequence);
CREATE INDEX audit_by_subject ON audit (subject, sequence);
