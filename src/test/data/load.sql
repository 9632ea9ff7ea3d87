CREATE TABLE credit (
    id        integer PRIMARY KEY,
    status    text,
    seniority integer,
    home      text,
    "time"    integer,
    age       integer,
    marital   text,
    records   text,
    job       text,
    expenses  integer,
    income    integer,
    assets    integer,
    debt      integer,
    amount    integer,
    price     integer
);
\copy credit from program 'cat "$PG_ABS_SRCDIR"/src/test/data/credit.csv' with (format csv, header)
CREATE TABLE penguins (
    id                integer PRIMARY KEY,
    species           text,
    island            text,
    bill_length_mm    float8,
    bill_depth_mm     float8,
    flipper_length_mm integer,
    body_mass_g       integer,
    sex               text
);
\copy penguins from program 'cat "$PG_ABS_SRCDIR"/src/test/data/penguins.csv' with (format csv, header)
CREATE TABLE pima (
    id       integer PRIMARY KEY,
    pregnant integer,
    glucose  integer,
    pressure integer,
    triceps  integer,
    insulin  integer,
    mass     float8,
    pedigree float8,
    age      integer,
    diabetes text
);
\copy pima from program 'cat "$PG_ABS_SRCDIR"/src/test/data/pima.csv' with (format csv, header)
CREATE TABLE chicago (
    day            date PRIMARY KEY,
    ridership      float8,
    clark_lake     float8,
    belmont        float8,
    harlem         float8,
    monroe         float8,
    jefferson_park float8,
    california     float8,
    temp           float8,
    precipitation  float8,
    snow           float8
);
\copy chicago from program 'cat "$PG_ABS_SRCDIR"/src/test/data/chicago.csv' with (format csv, header)
ANALYZE chicago, credit, penguins, pima;
