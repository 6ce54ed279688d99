-- The last batch of key usage that each process has written down, so that one whose answer was lost is not counted twice.
create table usage_batches (
    process text not null primary key,
    number bigint not null,
    at bigint not null
);
