"""What the Python drivers share: the calls on standard input, and what a result looks like.

A call is a line: name, statement with $1, $2, ..., arguments as type=value, between tabs.  The
answer is a line: name, then rows with semicolons between them and commas between their columns, or
ERROR, the SQLSTATE and the message.  In the form "strings" arguments are strings, whatever their
type, as they come from a web request.
"""
import datetime
import decimal
import re
import sys
import uuid

ELEMENT = {"int": int, "text": str, "uuid": uuid.UUID, "num": decimal.Decimal,
           "time": datetime.datetime.fromisoformat, "json": str, "bool": lambda v: v == "t"}


def argument(form, spec):
    kind, value = spec.split("=", 1)
    if kind == "null":
        return None
    if form == "strings":
        return "{%s}" % value if kind.endswith("s") else value
    if kind.endswith("s"):
        return [ELEMENT[kind[:-1]](v) for v in value.split(",") if v != ""]
    return ELEMENT[kind](value)


def text(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def run(form, ask, sqlstate):
    """ask(statement, arguments) gives rows; sqlstate(error) what an error has."""
    for line in sys.stdin:
        name, statement, *specs = line.rstrip("\n").split("\t")
        statement = re.sub(r"\$\d+", "%s", statement.replace("%", "%%"))
        try:
            rows = ask(statement, [argument(form, spec) for spec in specs])
            answer = ";".join(",".join(text(v) for v in row) for row in rows)
        except Exception as error:
            answer = "ERROR %s %s" % (sqlstate(error), str(error).split("\n")[0])
        print(name, answer, sep="\t", flush=True)
