/* sql/install/23_snapshot_tables.sql: copies of training sets.
 *
 * A snapshot is a list of chunks; a chunk's bytes are stored once for each owner, under the
 * SHA-256 of the owner's key and what they are uncompressed, however many snapshots have it.
 */

CREATE SEQUENCE mlops_private.snapshot_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.snapshot_id_seq
  IS 'numbers of snapshots';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.snapshot_id_seq', '');

CREATE TABLE mlops_private.snapshot (
    snapshot_id   bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.snapshot_id_seq'),
    name          name NOT NULL,
    owner_oid     oid NOT NULL,
    owner_name    name NOT NULL,
    owner_system  bigint NOT NULL,
    source        text NOT NULL,
    column_names  text[] NOT NULL,
    column_types  text[] NOT NULL,
    column_keys   boolean[] NOT NULL,
    column_labels text[] NOT NULL,
    encoding      name NOT NULL,
    key           name,
    row_security  boolean NOT NULL DEFAULT false,
    rows          bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    fingerprint   text NOT NULL DEFAULT '',
    erased_rows   bigint NOT NULL DEFAULT 0,
    note          text,
    created_by    name NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    keep_until    timestamptz,
    store_key     text NOT NULL,
    CONSTRAINT snapshot_pkey PRIMARY KEY (snapshot_id),
    CONSTRAINT snapshot_name_key UNIQUE (name),
    CONSTRAINT snapshot_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$')
);
COMMENT ON TABLE mlops_private.snapshot
  IS 'copies of training sets';
COMMENT ON COLUMN mlops_private.snapshot.column_keys
  IS 'by column: a primary key of the table it came from';
COMMENT ON COLUMN mlops_private.snapshot.column_labels
  IS 'by column: the label that counted for it when it was copied, or null';
COMMENT ON COLUMN mlops_private.snapshot.key
  IS 'the column that says whose a row is, for erasing';
COMMENT ON COLUMN mlops_private.snapshot.store_key
  IS 'random, the same in all snapshots of one owner: parts are shared where it is the same';
COMMENT ON COLUMN mlops_private.snapshot.keep_until
  IS 'until then it is kept; null: until it is dropped';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.snapshot', '');

CREATE TABLE mlops_private.snapshot_part (
    hash    bytea NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT snapshot_part_pkey PRIMARY KEY (hash),
    CONSTRAINT snapshot_part_hash_check CHECK (pg_catalog.octet_length(hash) = 32)
);
-- statistics would keep rows that were erased
ALTER TABLE mlops_private.snapshot_part
    ALTER content SET STORAGE EXTERNAL,
    ALTER content SET STATISTICS 0;
COMMENT ON TABLE mlops_private.snapshot_part
  IS 'rows of snapshots, compressed; hash: SHA-256 of the owner''s key and the uncompressed bytes';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.snapshot_part', '');

CREATE TABLE mlops_private.snapshot_chunk (
    snapshot_id bigint NOT NULL,
    seq         integer NOT NULL,
    hash        bytea NOT NULL,
    rows        integer NOT NULL,
    bytes       integer NOT NULL,
    CONSTRAINT snapshot_chunk_pkey PRIMARY KEY (snapshot_id, seq),
    CONSTRAINT snapshot_chunk_snapshot_fkey FOREIGN KEY (snapshot_id)
        REFERENCES mlops_private.snapshot (snapshot_id),
    CONSTRAINT snapshot_chunk_part_fkey FOREIGN KEY (hash)
        REFERENCES mlops_private.snapshot_part (hash)
);
CREATE INDEX snapshot_chunk_hash_idx ON mlops_private.snapshot_chunk (hash);
COMMENT ON TABLE mlops_private.snapshot_chunk
  IS 'which parts a snapshot consists of, in order';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.snapshot_chunk', '');
