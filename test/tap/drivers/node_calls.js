// node-postgres: node node_calls.js HOST PORT USER DATABASE FORM [pooled]
//
// The forms are those of calls.py, and "prepared": named statements, not behind a pool in
// transaction mode.
const readline = require('readline');
const { Client } = require('pg');

const [, , host, port, user, database, form] = process.argv;
const client = new Client({ host, port: Number(port), user, database });

const element = {
  int: Number, text: String, uuid: String, num: String, json: (v) => JSON.parse(v),
  time: (v) => new Date(v), bool: (v) => v === 't',
};

function argument(spec) {
  const at = spec.indexOf('=');
  const kind = spec.slice(0, at);
  const value = spec.slice(at + 1);

  if (kind === 'null') return null;
  if (form === 'strings') return kind.endsWith('s') ? `{${value}}` : value;
  if (kind.endsWith('s')) return value.split(',').filter((v) => v !== '').map(element[kind.slice(0, -1)]);
  return element[kind](value);
}

function text(value) {
  if (value === null) return 'NULL';
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return String(value);
}

async function answer(line) {
  const [name, statement, ...specs] = line.split('\t');

  try {
    await client.query('BEGIN');
    const result = await client.query({
      text: statement, values: specs.map(argument), rowMode: 'array',
      name: form === 'prepared' ? name : undefined,
    });
    await client.query('COMMIT');
    return `${name}\t${result.rows.map((row) => row.map(text).join(',')).join(';')}`;
  } catch (error) {
    await client.query('ROLLBACK');
    return `${name}\tERROR ${error.code} ${error.message}`;
  }
}

(async () => {
  await client.connect();
  for await (const line of readline.createInterface({ input: process.stdin })) console.log(await answer(line));
  await client.end();
})();
