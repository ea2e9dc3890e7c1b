-- Messages by time, the institution after it: an index that began with the institution was taken for
-- the key by plans made while the table was still small, and every reply kept then walked through all
-- messages of its institution.
drop index gateway_message_time;
create index gateway_message_time on gateway_message (arrived_at, fixmedins_code);
drop index gateway_message_taken_back;
create index gateway_message_taken_back on gateway_message (arrived_at, fixmedins_code)
  where body_hash = ''::bytea;
