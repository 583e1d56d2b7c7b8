import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { onTestFinished, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ownTypesIn } from '../../src/vault/credentials/own-types.ts'
import { render } from '../../src/vault/credentials/render.ts'
import { shownOf } from '../../src/vault/credentials/shown.ts'
import { createTypes } from '../../src/vault/credentials/types.ts'
import { checkValues, missingIn, withUsual } from '../../src/vault/credentials/values.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/* What types make of fields, as the real clients read it. `make test` installs those. */

type Given = Readonly<Record<string, string>>
const types = createTypes(ownTypesIn('/nonexistent'))
/** All that means something somewhere, but for what ends a line. */
const awkward = `a:b\\c*#d"e'f%g ü✓$h;i=j@k/l\`m`

/** Writes the files of a type as a Mount would; where they are. */
async function rendered(name: string, given: Given): Promise<string> {
  const type = await types.get(name)
  const values = new Map(Object.entries(given).map(([field, text]) => [field, Buffer.from(text)]))
  checkValues(type, values)
  const all = withUsual(type, values, {})
  expect(missingIn(type, all)).toEqual([])
  const place = temporaryDirectory()
  for (const { path, mode, bytes } of render(type, all)) {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    writeFileSync(join(place, path), bytes.bytes(), { mode })
  }
  return place
}

/** Runs a client; its output, or with `anyway` also when it fails. */
function run(
  program: string,
  args: readonly string[],
  { input = '', env = {}, anyway = false }: { input?: string; env?: Given; anyway?: boolean } = {}
): Promise<string> {
  const home = temporaryDirectory()
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { PATH: process.env['PATH'], HOME: home, ...env }, cwd: home },
      (error, stdout, stderr) => {
        if (error === null || (anyway && error.code !== 'ENOENT')) resolve(stdout)
        else reject(new Error(`${error.message}: ${stderr}`))
      }
    )
    child.stdin?.on('error', () => undefined).end(input)
  })
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port
}

/** A server that asks for a password in clear, as PostgreSQL can: what clients say of themselves. */
async function postgresServer(): Promise<{ port: number; said: string[] }> {
  const said: string[] = []
  const server = createServer(socket => {
    let isStarted = false
    socket.on('error', () => undefined)
    socket.on('data', bytes => {
      // SSLRequest and GSSENCRequest (PostgreSQL, protocol-message-formats).
      if (!isStarted && [80877103, 80877104].includes(bytes.readInt32BE(4))) return void socket.write('N')
      if (isStarted) {
        said.push(bytes.subarray(5, -1).toString())
        return void socket.end()
      }
      isStarted = true
      said.push(bytes.subarray(8).toString().replaceAll('\0', ' ').trim())
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: portOf(server), said }
}

/** A server that notes who comes. */
async function httpServer(): Promise<{ port: number; authorizations: (string | undefined)[] }> {
  const authorizations: (string | undefined)[] = []
  const server = createHttpServer((request, response) => {
    authorizations.push(request.headers.authorization)
    response.setHeader('Content-Type', 'application/json').end('{}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: portOf(server), authorizations }
}

test.each([awkward, '*'])('libpq reads the password %j, and the service', async password => {
  const { port, said } = await postgresServer()
  const given = {
    host: '127.0.0.1',
    port: String(port),
    user: 'an app',
    database: 'd b',
    sslmode: 'disable',
    password
  }
  const place = await rendered('postgres', given)
  const env = { PGPASSFILE: join(place, '.pgpass'), PGSERVICEFILE: join(place, 'pg_service.conf') }
  await run('psql', ['service=default', '-c', 'select 1'], { env, anyway: true })
  expect(said[0]).toContain('user an app database d b')
  expect(said[1]).toBe(password)
})

test.each([`${awkward}\ttwo\r`, ' spaces ', '\\"'])('an option file of MySQL has %j', async password => {
  const place = await rendered('mysql', { host: 'h', user: 'u # v', password, database: 'd' })
  const out = await run('my_print_defaults', [`--defaults-file=${join(place, 'my.cnf')}`, 'client', 'mysql'])
  expect(out).toBe(`--host=h\n--port=3306\n--user=u # v\n--password=${password}\n--database=d\n`)
})

test('curl reads a .netrc', async () => {
  const { port, authorizations } = await httpServer()
  for (const password of [awkward, '#"', 'plain']) {
    const place = await rendered('netrc', { machine: '127.0.0.1', login: 'a b', password })
    await run('curl', ['--silent', '--netrc-file', join(place, '.netrc'), `http://127.0.0.1:${port}/`])
    const [, basic = ''] = authorizations.at(-1)?.split(' ') ?? []
    expect(Buffer.from(basic, 'base64').toString()).toBe(`a b:${password}`)
  }
})

test("git's store of credentials gives them back", async () => {
  const host = 'git.example:8443'
  const place = await rendered('git-credentials', { host, username: 'u@v', password: awkward })
  const file = join(place, '.git-credentials')
  const out = await run('git', ['-c', `credential.helper=store --file=${file}`, 'credential', 'fill'], {
    input: `protocol=https\nhost=${host}\n\n`
  })
  expect(out).toBe(`protocol=https\nhost=${host}\nusername=u@v\npassword=${awkward}\n`)
})

test('npm sends the token of an .npmrc', async () => {
  const { port, authorizations } = await httpServer()
  const token = 'a"b\\c#d;e$f=g'
  const place = await rendered('npmrc', { registry: `127.0.0.1:${port}`, token, 'package-scope': '@us' })
  const args = ['ping', '--registry', `http://127.0.0.1:${port}/`, '--userconfig', join(place, '.npmrc')]
  await run('npm', [...args, '--no-update-notifier'], { anyway: true })
  expect(authorizations).toContain(`Bearer ${token}`)
  expect(readFileSync(join(place, '.npmrc'), 'utf8')).toContain(`\n@us:registry=https://127.0.0.1:${port}/\n`)
})

test('a shell reads variables, and so do the clients of AWS what Python reads', async () => {
  const place = await rendered('env', { A: `${awkward}\nb`.replace('\nb', ''), B: '' })
  expect(await run('sh', ['-c', `. ${join(place, 'env.sh')}; printf '%s|%s' "$A" "$B"`])).toBe(`${awkward}|`)
  expect(readFileSync(join(place, 'env'), 'utf8')).toBe(`A=${awkward}\nB=\n`)

  const secret = `a:b\\c*#d"e'f%g=h`
  const aws = await rendered('aws', {
    'access-key-id': 'AKIA',
    'secret-access-key': secret,
    region: 'eu-1',
    profile: 'x'
  })
  const script =
    'import configparser, sys\nfor f, s, k in (("credentials", "x", "aws_secret_access_key"), ("config", "profile x", "region")):\n' +
    ' p = configparser.RawConfigParser(); p.read(sys.argv[1] + "/" + f); print(p.get(s, k))'
  expect(await run('python3', ['-c', script, aws])).toBe(`${secret}\neu-1\n`)
})

/** Everything that openssl makes here. */
async function certificates(): Promise<Record<'ca' | 'caKey' | 'leaf' | 'key' | 'otherKey', string>> {
  const place = temporaryDirectory()
  const at = (name: string): string => join(place, name)
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  await run('openssl', [
    'req',
    '-x509',
    ...made,
    '-subj',
    '/CN=ca',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem')
  ])
  const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')]
  await run('openssl', [
    'req',
    '-x509',
    ...made,
    ...by,
    '-subj',
    '/CN=leaf',
    '-keyout',
    at('key'),
    '-out',
    at('leaf')
  ])
  const read = (name: string): string => readFileSync(at(name), 'utf8')
  return {
    ca: read('ca.pem'),
    caKey: at('ca.key'),
    leaf: read('leaf'),
    key: read('key'),
    otherKey: read('ca.key')
  }
}

test('openssl takes a key, its certificate and what issued it; what does not fit is refused', async () => {
  const { ca, leaf, key, otherKey } = await certificates()
  const place = await rendered('tls', { certificate: leaf.trimEnd() + `\n${ca}`, key: key.trimEnd(), ca })
  expect(await run('openssl', ['verify', '-CAfile', join(place, 'ca.crt'), join(place, 'tls.crt')])).toMatch(
    /OK\n$/
  )
  await run('openssl', ['pkey', '-in', join(place, 'tls.key'), '-noout'])

  const refusal = (given: Given): Promise<unknown> =>
    rendered('tls', given).then(
      () => null,
      (error: unknown) => (error as Error).message
    )
  expect(await refusal({ certificate: leaf, key: otherKey })).toBe('field "key" does not fit "certificate"')
  expect(await refusal({ certificate: ca + leaf, key })).toBe(
    'field "certificate" is not in order: certificate 2 did not issue certificate 1'
  )
  expect(await refusal({ certificate: leaf + key, key })).toMatch(
    /^field "certificate" holds a (EC )?PRIVATE KEY, and it is shown/
  )
  expect(await refusal({ certificate: leaf, key: 'x' })).toBe('field "key" is no private key in PEM')
  expect(await refusal({ certificate: 'x', key })).toBe('field "certificate" holds no certificate in PEM')

  const { facts } = shownOf(await types.get('tls'), new Map([['certificate', Buffer.from(leaf)]]), {})
  expect(facts['certificate.subject']).toBe('CN=leaf')
  expect(Math.round((Date.parse(facts['certificate.notAfter'] ?? '') - Date.now()) / 86_400_000)).toBe(30)

  const kube = await rendered('kubeconfig', {
    server: 'https://k:6443',
    ca,
    'client-certificate': leaf,
    'client-key': key
  })
  const { users, clusters } = parse(readFileSync(join(kube, 'config'), 'utf8')) as {
    users: { user: Record<string, string> }[]
    clusters: { cluster: Record<string, string> }[]
  }
  expect(Object.keys(users[0]?.user ?? {})).toEqual(['client-certificate-data', 'client-key-data'])
  expect(Buffer.from(clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString()).toBe(ca)
})

test('ssh-keygen reads a private key, and its fingerprint is the one that is shown', async () => {
  const place = temporaryDirectory()
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(place, 'k')])
  const key = readFileSync(join(place, 'k'), 'utf8').trimEnd()
  const publicKey = readFileSync(join(place, 'k.pub'), 'utf8').trimEnd()
  const made = await rendered('ssh-key', { 'private-key': key, 'public-key': publicKey })
  expect((await run('ssh-keygen', ['-y', '-f', join(made, 'id')])).split(' ')[1]).toBe(
    publicKey.split(' ')[1]
  )
  const fingerprint = (await run('ssh-keygen', ['-l', '-f', join(made, 'id.pub')])).split(' ')[1]
  const { facts } = shownOf(await types.get('ssh-key'), new Map([['private-key', Buffer.from(key)]]), {})
  expect(facts).toEqual({ 'private-key.algorithm': 'ssh-ed25519', 'private-key.fingerprint': fingerprint })
  for (const broken of [key.slice(0, 200), key.replaceAll('\n', '\r\n'), 'x'])
    await expect(rendered('ssh-key', { 'private-key': broken })).rejects.toMatchObject({ code: 'invalid' })
})

test('the files of JSON are what their clients are documented to read', async () => {
  const docker = await rendered('docker-config', { registry: 'r.example', username: 'u', password: awkward })
  expect(JSON.parse(readFileSync(join(docker, 'config.json'), 'utf8'))).toEqual({
    auths: { 'r.example': { auth: Buffer.from(`u:${awkward}`).toString('base64') } }
  })
  const key = JSON.stringify({
    type: 'service_account',
    client_email: 'a@b',
    private_key: 'k"\n',
    token_uri: 'u',
    n: [-1.5e3, null]
  })
  const gcp = await rendered('gcp', { key })
  expect(readFileSync(join(gcp, 'credentials.json'), 'utf8')).toBe(`${key}\n`)
  const refusal = (text: string): Promise<unknown> =>
    rendered('gcp', { key: text }).then(
      () => null,
      (error: unknown) => (error as Error).message
    )
  expect(await refusal(key.slice(1))).toBe('field "key" is no object of JSON')
  expect(await refusal(`${key},`)).toBe('field "key" is no object of JSON')
  expect(await refusal('[1]')).toBe('field "key" is no object of JSON')
  expect(await refusal('{"type":"service_account"}')).toBe(
    'field "key" is a service_account without client_email, private_key, token_uri'
  )
  const kube = await rendered('kubeconfig', { server: 'https://k', token: awkward })
  expect(parse(readFileSync(join(kube, 'config'), 'utf8'))).toMatchObject({
    users: [{ user: { token: awkward } }]
  })
  await expect(rendered('kubeconfig', { server: 'https://k' })).rejects.toThrow()
})
