CREATE TABLE answers (id bigserial PRIMARY KEY, answer jsonb NOT NULL);
