"""psycopg 3: python3 psycopg3_calls.py CONNECTION FORM [pooled]

The form "binary" gets results in the binary format.  Behind a pool in transaction mode statements
must not be prepared, which psycopg does by itself at the fifth time.
"""
import sys

import psycopg

import calls

form = sys.argv[2]
connection = psycopg.connect(sys.argv[1])
if "pooled" in sys.argv:
    connection.prepare_threshold = None
else:
    connection.prepare_threshold = 0


def ask(statement, arguments):
    with connection.transaction(), connection.cursor(binary=form == "binary") as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


calls.run(form, ask, lambda error: getattr(error, "sqlstate", None))
