\set person random(1, 200000)
\set total random(10000, 2000000)
begin;
insert into bench_key (key) values ('K' || nextval('bench_number'));
select stay_fen, basic_fen, critical_fen, assistance_fen from bench_year where person = :person::bigint and year = 2023 for update;
update bench_year set stay_fen = stay_fen + :total::bigint, basic_fen = basic_fen + :total::bigint * 7 / 10, version = version + 1 where person = :person::bigint and year = 2023;
insert into bench_settlement (person, total_fen, trace) values (:person::bigint, :total::bigint, '{"layers":[["deductible",50000],["basic",700000],["critical",600000],["assistance",800000]],"pack":"bench"}') returning id as settlement \gset
insert into bench_posting (settlement, account, amount_fen) values (:settlement::bigint, 'basic', - :total::bigint * 7 / 10), (:settlement::bigint, 'critical', 0), (:settlement::bigint, 'assistance', 0), (:settlement::bigint, 'payable', :total::bigint * 7 / 10);
insert into bench_outbox (topic, body) values ('settled', jsonb_build_object('settlement', :settlement::bigint));
commit;
