-- How often a key was used in an hour. `hour` is when it began.
create table api_key_usage_hours (
    key_id text not null,
    hour bigint not null,
    request_count bigint not null,
    primary key (key_id, hour)
);
create index api_key_usage_hours_by_age on api_key_usage_hours (hour);
