#!/bin/sh
psql -U "$POSTGRES_USER" -c 'ANALYZE answers'
