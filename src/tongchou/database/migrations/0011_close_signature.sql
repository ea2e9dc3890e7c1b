-- 日结签名: an Ed25519 signature of each close, so that who can write every row, but has not the key
-- file, cannot make closes anew.
create table close_signature (
  region text not null,
  day date not null,
  key_id smallint not null,
  public_key bytea not null check (length(public_key) = 32),
  signature bytea not null check (length(signature) = 64),
  signed_at timestamptz not null,
  primary key (region, day)
);
select append_only('close_signature');
