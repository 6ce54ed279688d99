-- Times are microseconds since 1970. What is ordered or paged by compares bytewise: `collate "C"`, which db.rs takes
-- off for SQLite, where it is the default.

create table installation (
    name text not null primary key,
    value text not null
);

-- One row: raised in the transaction of each change that the servers keep in memory, so that commit order is number
-- order. `changes` says what each number was.
create table change_counter (
    id bigint not null primary key,
    number bigint not null
);
insert into change_counter (id, number) values (1, 0);

create table changes (
    number bigint not null,
    kind text not null,
    subject_id text not null,
    at bigint not null,
    primary key (number, kind, subject_id)
);

-- One row for each process that serves: it vouches for having applied every change up to `applied` for as long as
-- it keeps raising `renewal`.
create table leases (
    id text not null primary key,
    applied bigint not null,
    renewal bigint not null,
    valid_for bigint not null
);

create table organizations (
    identifier text collate "C" not null primary key,
    name text not null,
    created_at bigint not null
);

create table projects (
    id text not null primary key,
    organization text collate "C" not null references organizations (identifier),
    identifier text collate "C" not null,
    name text not null,
    created_at bigint not null,
    unique (organization, identifier)
);

create table users (
    id text not null primary key,
    email text not null,
    email_folded text collate "C" not null unique,
    name text not null,
    password_hash text,
    active boolean not null,
    created_at bigint not null
);

create table role_bindings (
    id text not null primary key,
    user_id text not null references users (id) on delete cascade,
    role text not null,
    organization text references organizations (identifier),
    project_id text references projects (id),
    created_at bigint not null
);
create index role_bindings_by_user on role_bindings (user_id);

create table sessions (
    token_mac text not null primary key,
    id text not null unique,
    user_id text not null references users (id) on delete cascade,
    created_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null,
    address text not null,
    user_agent text not null
);
create index sessions_by_user on sessions (user_id);

-- One-time links: for the first administrator (no user yet) or for setting one's password.
create table setup_links (
    token_mac text not null primary key,
    user_id text references users (id) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null
);

-- The distinct sets of permissions that keys have: few, so that a million keys stay small.
create table scope_sets (
    id bigint not null primary key,
    scopes text not null unique
);

-- `ordinal` is the order in which the table lies on the disk, so that all keys can be read from one end to the other.
create table api_keys (
    ordinal integer not null primary key,
    project_id text not null references projects (id),
    id text collate "C" not null unique,
    name text not null,
    name_folded text collate "C" not null,
    description text not null,
    role text not null,
    scope_set bigint not null references scope_sets (id),
    enabled boolean not null,
    created_at bigint not null,
    created_by_type text not null,
    created_by_id text not null,
    created_by_name text not null,
    parent_id text,
    expires_at bigint,
    allowed_cidrs text,
    rate_per_minute bigint,
    rotated_at bigint,
    mac text not null,
    pepper bigint not null,
    generation bigint not null,
    change_number bigint not null,
    unique (project_id, id)
);
create unique index api_keys_by_name on api_keys (project_id, name_folded);
create index api_keys_by_parent on api_keys (parent_id);
create index api_keys_by_creation on api_keys (project_id, created_at, id);

-- Secrets that were rotated out: the one of the generation before may live until `valid_until`.
create table api_key_former_secrets (
    key_id text not null,
    generation bigint not null,
    mac text not null,
    pepper bigint not null,
    valid_until bigint not null,
    ends_on_first_use boolean not null,
    primary key (key_id, generation)
);

create table api_key_usage (
    key_id text not null primary key,
    request_count bigint not null,
    last_used_at bigint not null,
    last_used_address text not null,
    last_used_user_agent text not null
);

create table idempotent_requests (
    project_id text not null,
    caller text not null,
    route text not null,
    key_hash text not null,
    body_hash text not null,
    subject_id text not null,
    created_at bigint not null,
    primary key (project_id, caller, route, key_hash)
);
create index idempotent_requests_by_age on idempotent_requests (created_at);

create table audit_heads (
    chain text not null primary key,
    sequence bigint not null,
    hash text not null,
    seal text not null
);

create table audit_entries (
    chain text not null,
    sequence bigint not null,
    at bigint not null,
    actor_type text not null,
    actor_id text not null,
    actor_name text not null,
    event text not null,
    kind text not null,
    subject_id text not null,
    subject_name text not null,
    before text not null,
    after text not null,
    address text not null,
    user_agent text not null,
    request_id text not null,
    previous_hash text not null,
    hash text not null,
    primary key (chain, sequence)
);
create index audit_entries_by_subject on audit_entries (chain, subject_id, sequence);
create index audit_entries_by_time on audit_entries (at, chain, sequence);

-- Versions of the account's developer records. `activation` is the order in which they came into force.
create table developer_versions (
    id bigint not null primary key,
    kind text not null,
    state text not null,
    columns text not null,
    mapping text not null,
    row_count bigint not null,
    activation bigint unique,
    created_at bigint not null,
    created_by text not null
);

-- The text of an upload that waits for its mapping, in UTF-8, in pieces.
create table developer_upload_chunks (
    version_id bigint not null references developer_versions (id) on delete cascade,
    ordinal bigint not null,
    content text not null,
    primary key (version_id, ordinal)
);

-- A row is in force from one activation up to, not including, another; the open ones are the developers of today.
create table developers (
    ref_id bigint not null,
    valid_from bigint not null,
    valid_to bigint,
    email text not null,
    email_folded text collate "C" not null,
    name text not null,
    manager_email text not null,
    attributes text not null,
    primary key (ref_id, valid_from)
);
create unique index developers_today on developers (email_folded) where valid_to is null;
