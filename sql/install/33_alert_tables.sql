/* sql/install/33_alert_tables.sql: what somebody should look at. */

CREATE SEQUENCE mlops_private.alert_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.alert_id_seq
  IS 'numbers of alerts';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.alert_id_seq', '');

CREATE TABLE mlops_private.alert (
    alert_id        bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.alert_id_seq'),
    model_id        bigint NOT NULL,
    version         integer NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    subject         text NOT NULL,
    severity        text COLLATE "C" NOT NULL,
    state           text COLLATE "C" NOT NULL DEFAULT 'open',
    told            text COLLATE "C",
    method          text COLLATE "C",
    value           double precision,
    threshold       double precision,
    window_start    timestamptz,
    window_end      timestamptz,
    seen            integer NOT NULL DEFAULT 1,
    opened          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    last_seen       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    acknowledged    timestamptz,
    acknowledged_by name,
    note            text,
    closed          timestamptz,
    CONSTRAINT alert_pkey PRIMARY KEY (alert_id),
    CONSTRAINT alert_model_id_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT alert_severity_check CHECK (severity IN ('warning', 'major')),
    CONSTRAINT alert_state_check CHECK (state IN ('open', 'acknowledged', 'closed', 'superseded')),
    CONSTRAINT alert_closed_check CHECK ((state IN ('closed', 'superseded')) = (closed IS NOT NULL))
);
CREATE UNIQUE INDEX alert_open_idx
    ON mlops_private.alert (model_id, version, kind, subject)
    WHERE state IN ('open', 'acknowledged');
CREATE INDEX alert_model_id_idx
    ON mlops_private.alert (model_id, alert_id);
COMMENT ON TABLE mlops_private.alert
  IS 'what was found, once for as long as it lasts';
COMMENT ON COLUMN mlops_private.alert.version
  IS '0: the model';
COMMENT ON COLUMN mlops_private.alert.subject
  IS 'feature, metric or job; empty: none';
COMMENT ON COLUMN mlops_private.alert.told
  IS 'the severity that was notified; null: nobody was told';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.alert', '');

CREATE TABLE mlops_private.alert_silence (
    model_id    bigint NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    subject     text NOT NULL,
    until       timestamptz NOT NULL,
    silenced_by name NOT NULL,
    silenced_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    note        text,
    CONSTRAINT alert_silence_pkey PRIMARY KEY (model_id, kind, subject),
    CONSTRAINT alert_silence_model_id_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE
);
COMMENT ON TABLE mlops_private.alert_silence
  IS 'what nobody wants to be told until then';
COMMENT ON COLUMN mlops_private.alert_silence.kind
  IS 'empty: of any kind; subject likewise';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.alert_silence', '');
