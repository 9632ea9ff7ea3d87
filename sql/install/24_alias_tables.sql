/* sql/install/24_alias_tables.sql: where aliases pointed and when, and routes.
 *
 * src/catalog/alias_write.c writes the history, src/catalog/route_write.c the routes;
 * src/catalog/registry_tables.h knows the order of route's columns; add new ones last.
 */

CREATE SEQUENCE mlops_private.alias_event_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.alias_event_id_seq
  IS 'numbers of moves of aliases';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.alias_event_id_seq', '');

CREATE TABLE mlops_private.alias_event (
    event_id     bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.alias_event_id_seq'),
    model_id     bigint NOT NULL,
    alias        name NOT NULL,
    version      integer,
    previous     integer,
    action       text NOT NULL,
    set_by       name NOT NULL,
    happened_at  timestamptz NOT NULL,
    reason       text,
    back_to      bigint,
    CONSTRAINT alias_event_pkey PRIMARY KEY (event_id),
    CONSTRAINT alias_event_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT alias_event_action_check CHECK (action IN ('set', 'drop', 'rollback'))
);
CREATE INDEX alias_event_alias_idx ON mlops_private.alias_event (model_id, alias, happened_at, event_id);
CREATE INDEX alias_event_model_idx ON mlops_private.alias_event (model_id, happened_at);
COMMENT ON TABLE mlops_private.alias_event
  IS 'every move of an alias; kept when the version is dropped';
COMMENT ON COLUMN mlops_private.alias_event.version
  IS 'null: the alias was dropped';
COMMENT ON COLUMN mlops_private.alias_event.happened_at
  IS 'clock at the act, under the lock of the model; later than every earlier move of the model''s aliases';
COMMENT ON COLUMN mlops_private.alias_event.back_to
  IS 'the event that a rollback from here goes back to';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.alias_event', '');

CREATE TABLE mlops_private.route (
    model_id     bigint NOT NULL,
    salt         text NOT NULL,
    arms         name[] NOT NULL,
    split        jsonb NOT NULL,
    slots        bytea NOT NULL,
    shadow       name[] NOT NULL,
    set_by       name NOT NULL,
    set_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT route_pkey PRIMARY KEY (model_id),
    CONSTRAINT route_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT route_slots_check CHECK (pg_catalog.length(slots) = 10000)
);
COMMENT ON TABLE mlops_private.route
  IS 'how the keys of a model''s rows are divided between its aliases';
COMMENT ON COLUMN mlops_private.route.slots
  IS 'for each of 10,000 slots, which keys hash to, its arm, counted from 0';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.route', '');
