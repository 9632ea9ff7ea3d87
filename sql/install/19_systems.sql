/* sql/install/19_systems.sql: the clusters whose OIDs mean something in this database.
 *
 * Rows on which rights depend say which cluster recorded them (src/store/stored_role.c).
 * pg_upgrade makes a cluster with another identifier, but keeps the OIDs of roles, and
 * carries this table along as it is.  A dump must not: it is made anew where it is restored.
 */

CREATE TABLE mlops_private.known_system (
    system bigint NOT NULL,
    CONSTRAINT known_system_pkey PRIMARY KEY (system)
);
COMMENT ON TABLE mlops_private.known_system
  IS 'identifiers that this cluster has had since the extension was created; not dumped';
-- not dumped: mlops_private.known_system, since in another cluster these OIDs are other roles'
INSERT INTO mlops_private.known_system
SELECT system_identifier FROM pg_catalog.pg_control_system();
