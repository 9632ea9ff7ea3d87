/* sql/install/29_log_tables.sql: the prediction log.
 *
 * Partitioned by day.  The parent has no index, so that partitions made at run time can be
 * restored with their own; here there is the default one only.  No foreign key and no trigger:
 * rows are written past the executor (src/drift/log_write.c, which knows the columns' order),
 * and outlive their model until retention takes them.  The format of features is described in
 * src/drift/log_features.c.
 *
 * No primary key: numbers come from the sequence and ascend with the blocks of the table, so
 * that an index of ranges of blocks finds them, at next to nothing for each row.  The columns
 * are in an order that leaves no room between them.
 */

-- each of its values stands for as many numbers as it steps by (src/drift/log_write.c)
CREATE SEQUENCE mlops_private.prediction_id_seq
    AS bigint
    INCREMENT BY 64;
COMMENT ON SEQUENCE mlops_private.prediction_id_seq
  IS 'numbers of logged predictions';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.prediction_id_seq', '');

CREATE TABLE mlops_private.prediction (
    prediction_id bigint NOT NULL,
    happened_at   timestamptz NOT NULL,
    log_xid       bigint NOT NULL,
    model_id      bigint NOT NULL,
    value         double precision,
    version       integer NOT NULL,
    latency_us    integer NOT NULL,
    system        integer NOT NULL,
    share         real,
    features      bytea NOT NULL,
    shadow        boolean NOT NULL,
    variant       text,
    caller        text NOT NULL,
    key           text COLLATE "C",
    label         text,
    probabilities real[]
) PARTITION BY RANGE (happened_at);
COMMENT ON TABLE mlops_private.prediction
  IS 'what was scored by mlops.score(), with what result';
COMMENT ON COLUMN mlops_private.prediction.log_xid
  IS 'the transaction that wrote the row, as a number (xid8 has no operator class of BRIN); means something in the cluster "system" only';
COMMENT ON COLUMN mlops_private.prediction.system
  IS 'a hash of the cluster''s system identifier (mlops_log_system)';
COMMENT ON COLUMN mlops_private.prediction.variant
  IS 'the alias that was asked; NULL: a version';
COMMENT ON COLUMN mlops_private.prediction.probabilities
  IS 'in the order of the classes, of models with more than two';
COMMENT ON COLUMN mlops_private.prediction.share
  IS 'of the rows that were logged at that time: this one stands for 1 / share; NULL: all';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.prediction', '');

-- pg_dump takes rows from the partitions; those made at run time are dumped as tables of the database
CREATE TABLE mlops_private.prediction_default
    PARTITION OF mlops_private.prediction
    DEFAULT USING heap;
-- what logical replication knows rows by that are deleted
ALTER TABLE mlops_private.prediction_default REPLICA IDENTITY FULL;
CREATE INDEX prediction_default_order_idx
    ON mlops_private.prediction_default USING brin (prediction_id, happened_at, log_xid)
    WITH (pages_per_range = 64);
CREATE INDEX prediction_default_key_idx
    ON mlops_private.prediction_default (key, model_id)
    WHERE key IS NOT NULL;
COMMENT ON TABLE mlops_private.prediction_default
  IS 'predictions of days that have no partition of their own';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.prediction_default', '');

CREATE TABLE mlops_private.outcome (
    model_id    bigint NOT NULL,
    key         text COLLATE "C" NOT NULL,
    value       double precision,
    label       text,
    happened_at timestamptz NOT NULL,
    recorded_by name NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CONSTRAINT outcome_pkey PRIMARY KEY (model_id, key),
    CONSTRAINT outcome_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE
);
CREATE INDEX outcome_key_idx
    ON mlops_private.outcome (key);
COMMENT ON TABLE mlops_private.outcome
  IS 'what became of what was predicted: a number for regressions, else the class';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.outcome', '');

CREATE TABLE mlops_private.log_sampling (
    model_id bigint NOT NULL,
    share    real NOT NULL,
    set_by   name NOT NULL,
    set_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT log_sampling_pkey PRIMARY KEY (model_id),
    CONSTRAINT log_sampling_model_id_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT log_sampling_share_check CHECK (share > 0 AND share <= 1)
);
COMMENT ON TABLE mlops_private.log_sampling
  IS 'which share of a model''s predictions is logged; all of those that are not here';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.log_sampling', '');
