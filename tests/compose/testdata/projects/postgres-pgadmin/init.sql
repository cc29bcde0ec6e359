CREATE TABLE IF NOT EXISTS freezer (
  id serial PRIMARY KEY,
  label text NOT NULL,
  degrees integer NOT NULL DEFAULT -80
);
