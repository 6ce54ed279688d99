-- What took power away, for ever: a restored copy of the data is held against it. `number` is the change's.
create table revocations (
    number bigint not null,
    kind text collate "C" not null,
    subject_id text collate "C" not null,
    at bigint not null,
    primary key (number, kind, subject_id)
);

-- Of the deletions before this table the audit log knows.
insert into revocations (number, kind, subject_id, at)
select 0, 'deleted', subject_id, max(at) from audit_entries
where kind = 'API_ACCESS_KEY' and event = 'DELETED' and subject_id not in (select id from api_keys)
group by subject_id;
