"""psycopg2: python3 psycopg2_calls.py CONNECTION FORM"""
import sys

import psycopg2
import psycopg2.extras

import calls

psycopg2.extras.register_uuid()
connection = psycopg2.connect(sys.argv[1])


def ask(statement, arguments):
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


calls.run(sys.argv[2], ask, lambda error: getattr(error, "pgcode", None))
