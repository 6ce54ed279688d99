-- How often a key was used in an hour. `hour` is when it began.
create table api_key_usage_hours (
    key_id text not null,
    hour bigint not null,
    request_count bigint not null,
    primary key (key_id, hour)
);
create index api_key_usage_hours_by_age on api_key_usage_hours (hour);

-- Entries that agree in chain, kind, event and actor form a group. What a filter finds is then a few groups, and its
-- total a sum, however long the log is.
create table audit_groups (
    id bigint not null primary key,
    chain text not null,
    kind text not null,
    event text not null,
    actor_name text not null,
    actor_folded text collate "C" not null,
    entry_count bigint not null,
    unique (chain, kind, event, actor_name)
);
create index audit_groups_by_actor on audit_groups (actor_folded);
insert into audit_groups (id, chain, kind, event, actor_name, actor_folded, entry_count)
    select row_number() over (order by chain, kind, event, actor_name), chain, kind, event, actor_name,
        lower(actor_name), count(*)
    from audit_entries group by chain, kind, event, actor_name;

alter table audit_entries add column group_id bigint not null default 0;
update audit_entries set group_id = (
    select g.id from audit_groups g
    where g.chain = audit_entries.chain and g.kind = audit_entries.kind and g.event = audit_entries.event
        and g.actor_name = audit_entries.actor_name
);

-- Each of them has all that finding a page needs: entries themselves are read for the page only.
drop index audit_entries_by_subject;
drop index audit_entries_by_time;
create index audit_entries_by_time on audit_entries (at, chain, sequence, group_id);
create index audit_entries_by_group on audit_entries (group_id, at, chain, sequence);
create index audit_entries_by_subject on audit_entries (subject_id, at, chain, sequence, group_id);

-- The name for searching.
alter table users add column name_folded text collate "C" not null default '';
update users set name_folded = lower(name);
