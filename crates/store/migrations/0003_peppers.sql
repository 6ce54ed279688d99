-- What stored verifiers were made under. The one without `wrapped` is current: it is derived from the master key in force.
-- Those before it lie here wrapped under the master key in force, until they are ended. `fingerprint` is that of the
-- master key from which each was derived.
create table peppers (
    id bigint not null primary key,
    wrapped text,
    fingerprint text not null,
    created_at bigint not null
);
insert into peppers (id, wrapped, fingerprint, created_at)
    select 1, null, value, (select coalesce(min(created_at), 0) from projects)
    from installation where name = 'master-key-fingerprint';

alter table sessions add column pepper bigint not null default 1;
alter table setup_links add column pepper bigint not null default 1;

-- The public key by which the process that holds the lease can be told a new master key, and the one that it was told,
-- wrapped.
alter table leases add column heir text not null default '';
alter table leases add column handover text;
